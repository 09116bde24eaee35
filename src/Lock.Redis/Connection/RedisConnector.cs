using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using StackExchange.Redis;

namespace Locking;

/// <summary>A connection of our own, from a <see cref="RedisLockSettings"/>.</summary>
internal sealed class RedisConnector : IRedisConnector
{
    private const int DefaultPort = 6379;

    private readonly ConfigurationOptions _options;

    private RedisConnector(ConfigurationOptions options, TimeSpan connectTimeout, TimeSpan commandTimeout)
    {
        _options = options;
        ChannelPrefix = (string?)options.ChannelPrefix ?? "";
        ConnectTimeout = connectTimeout;
        CommandTimeout = commandTimeout;
        Database = options.DefaultDatabase ?? -1;
        Server = $"Redis at {string.Join(", ", options.EndPoints.Select(EndPointNames.Of))}";
    }

    public int Database { get; }

    public TimeSpan CommandTimeout { get; }

    public TimeSpan ConnectTimeout { get; }

    public string Server { get; }

    public string ChannelPrefix { get; }

    public string Hint => _options.Ssl ? " (asked for TLS: does that port speak TLS?)" : "";

    /// <summary>Whether every server is on this machine.</summary>
    public bool IsLocal => _options.EndPoints.All(static endPoint => endPoint switch
    {
        DnsEndPoint dns => dns.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase),
        IPEndPoint ip => IPAddress.IsLoopback(ip.Address),
        _ => true,
    });

    public bool IsEncrypted => _options.Ssl;

    public bool HasPassword => !string.IsNullOrEmpty(_options.Password);

    /// <summary>Reads the settings.</summary>
    /// <param name="connection">Where the server is, and its own settings.</param>
    /// <param name="path">Where these stand, for messages.</param>
    /// <param name="shared">What it shares with other servers; or null.</param>
    /// <exception cref="LockConfigException">A setting does not suit Redis or this version of its client.</exception>
    public static RedisConnector From(RedisLockSettings connection, string path = "connection", RedisLockSettings? shared = null)
    {
        if (connection.NoDelay is false)
            throw new LockConfigException(path + ".noDelay", "must be true: the Redis client always sends at once.");
        TimeSpan connectTimeout = connection.ConnectTimeout ?? TimeSpan.FromSeconds(3);
        TimeSpan commandTimeout = connection.CommandTimeout ?? TimeSpan.FromSeconds(2);
        ConfigurationOptions options = connection.Url is { } url ? FromUrl(connection, url, path) : FromParts(connection, path);
        StatedSettings.Apply(options, connection, shared, path);
        if (options.Ssl && string.IsNullOrEmpty(options.SslHost) && options.EndPoints.FirstOrDefault() is DnsEndPoint dns)
            options.SslHost = dns.Host;
        return new RedisConnector(OfOurOwn(options, connectTimeout, commandTimeout), connectTimeout, commandTimeout);
    }

    /// <summary>A connection of our own, with the options of an application's.</summary>
    /// <exception cref="ArgumentException">They name no server.</exception>
    public static RedisConnector From(ConfigurationOptions options, int? database, TimeSpan? commandTimeout)
    {
        if (options.EndPoints.Count == 0)
            throw new ArgumentException("The options name no server.", nameof(options));
        ConfigurationOptions own = options.Clone();
        own.SetDefaultPorts();
        if (database is { } number)
            own.DefaultDatabase = number;
        TimeSpan connectTimeout = TimeSpan.FromMilliseconds(own.ConnectTimeout);
        TimeSpan limit = commandTimeout ?? TimeSpan.FromSeconds(2);
        return new RedisConnector(OfOurOwn(own, connectTimeout, limit), connectTimeout, limit);
    }

    /// <summary>What every connection has that is ours alone.</summary>
    private static ConfigurationOptions OfOurOwn(ConfigurationOptions options, TimeSpan connectTimeout, TimeSpan commandTimeout)
    {
        // The first request wants to know why it failed; the next one tries again.
        options.AbortOnConnectFail = true;
        options.ConnectRetry = 1;
        options.ConnectTimeout = (int)Math.Min(connectTimeout.TotalMilliseconds, int.MaxValue);
        options.SyncTimeout = (int)Math.Min(commandTimeout.TotalMilliseconds, int.MaxValue);
        options.AsyncTimeout = options.SyncTimeout;
        options.ReconnectRetryPolicy = new LinearRetry(250);
        // What cannot be sent now is refused now, and surely not done: a request in a backlog would be sent whenever the server is back.
        options.BacklogPolicy = BacklogPolicy.FailFast;
        // Neither election among several masters nor the client's own announcements: one lock server, one subscription.
        options.TieBreaker = "";
        options.ConfigurationChannel = "";
        return options;
    }

    /// <summary>The same, for requests that the server may take so much longer for.</summary>
    public RedisConnector WithLongRequests(TimeSpan extraTime)
    {
        ConfigurationOptions options = _options.Clone();
        options.SyncTimeout = (int)Math.Min(options.SyncTimeout + extraTime.TotalMilliseconds, int.MaxValue);
        options.AsyncTimeout = options.SyncTimeout;
        return new RedisConnector(options, ConnectTimeout, CommandTimeout);
    }

    /// <summary>The same, allowed to ask what administrators ask.</summary>
    public RedisConnector ForQuestions()
    {
        ConfigurationOptions options = _options.Clone();
        options.AllowAdmin = true;
        // Where one of several servers is silent the client takes all of its own time, and then goes on with the others.
        return new RedisConnector(options, ConnectTimeout * 2, CommandTimeout);
    }

    public async Task<IConnectionMultiplexer> ConnectAsync(TimeProvider time)
    {
        ConfigurationOptions options = _options.Clone();
        var attempts = new ConnectAttempts(options);
        Task<ConnectionMultiplexer> connecting = ConnectionMultiplexer.ConnectAsync(options);
        ConnectionMultiplexer multiplexer;
        try
        {
            // The client goes on trying for all of its time where nothing listens.
            await Task.WhenAny(connecting, attempts.AllUnreachable).ConfigureAwait(false);
            if (!connecting.IsCompleted)
                throw Unreachable("No server can be reached.", attempts.Cause);
            multiplexer = await connecting.ConfigureAwait(false);
        }
        catch (RedisConnectionException failure)
        {
            CloseLater(connecting);
            await attempts.SettleAsync(time).ConfigureAwait(false);
            throw await ExplainAsync(failure, attempts, time).ConfigureAwait(false);
        }

        try
        {
            await ProveUserAsync(multiplexer, time).ConfigureAwait(false);
            return multiplexer;
        }
        catch
        {
            await multiplexer.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Asks the server whether it knows the user name and the password.</summary>
    /// <remarks>Where the server's default user has no password, the client goes on as that user after others were refused. A lock would
    /// then be taken by somebody else than the configuration says, with other rights, and perhaps on another server than the one that is
    /// meant.</remarks>
    private async Task ProveUserAsync(ConnectionMultiplexer multiplexer, TimeProvider time)
    {
        if (string.IsNullOrEmpty(_options.Password) && string.IsNullOrEmpty(_options.User))
            return;
        object[] words = string.IsNullOrEmpty(_options.User) ? [_options.Password ?? ""] : [_options.User, _options.Password ?? ""];
        foreach (IServer server in multiplexer.GetServers())
        {
            if (!server.IsConnected)
                continue;
            try
            {
                Task<RedisResult> asked = server.ExecuteAsync("AUTH", words);
                TaskFaults.Forget(asked);
                await asked.WaitAsync(CommandTimeout, time).ConfigureAwait(false);
            }
            catch (RedisCommandException)
            {
                // A map of commands without AUTH: then nobody is asked.
            }
            catch (TimeoutException exception)
            {
                throw Unreachable("The server did not answer AUTH in time.", exception);
            }
        }
    }

    private static void CloseLater(Task<ConnectionMultiplexer> connecting) =>
        _ = connecting.ContinueWith(
            static made =>
            {
                if (made.IsCompletedSuccessfully)
                    made.GetAwaiter().GetResult().Dispose();
                else
                    _ = made.Exception;
            },
            CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);

    /// <summary>Says more of a failed attempt to connect than the client does.</summary>
    private async Task<Exception> ExplainAsync(RedisConnectionException failure, ConnectAttempts attempts, TimeProvider time)
    {
        if (attempts.Distrust is not SslPolicyErrors.None and var distrust)
            return Final($"The certificate of {Server} is refused: {Explain(distrust)}.", failure);
        if (!_options.Ssl)
        {
            foreach (EndPoint endPoint in _options.EndPoints)
            {
                if (!await SentinelProbe.AnswersAsync(endPoint, time).ConfigureAwait(false))
                    continue;
                if (_options.ServiceName is not { Length: > 0 } service)
                {
                    return Final(
                        $"What answers at {EndPointNames.Of(endPoint)} is a Sentinel, which keeps no locks: let the client ask it for " +
                        "the master " +
                        "(connection.url \"host:port,serviceName=…\"), or name the master and its replicas in connection.url " +
                        "(host:port,host:port).", failure);
                }

                if (await SentinelProbe.KnowsAsync(endPoint, service, time).ConfigureAwait(false) is false)
                {
                    return Final(
                        $"The Sentinel at {EndPointNames.Of(endPoint)} knows no master called '{service}' (serviceName in " +
                        "connection.url; " +
                        "SENTINEL MASTERS lists those that it knows).", failure);
                }

                return new LockStoreException(
                    $"The master '{service}' that the Sentinel at {EndPointNames.Of(endPoint)} names cannot be reached: a failover may " +
                    "be under way.",
                    isTransient: true, failure)
                {
                    MayHaveBeenApplied = false,
                };
            }
        }

        // The reason of the attempt says more than the client's summary; the summary says whether it may pass.
        return attempts.Cause is { } cause ? Unreachable(failure.Message, cause) : failure;
    }

    private static RedisConnectionException Unreachable(string message, Exception? cause) =>
        new(ConnectionFailureType.UnableToConnect, CommandFlags.None, message, cause, CommandStatus.WaitingToBeSent);

    private static LockStoreException Final(string message, Exception exception) =>
        new(message, isTransient: false, exception) { MayHaveBeenApplied = false };

    private static string Explain(SslPolicyErrors errors) =>
        errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch) ? "it is for another host name than the one that is configured"
        : errors.HasFlag(SslPolicyErrors.RemoteCertificateNotAvailable) ? "it has none"
        : "this machine does not trust who signed it, or its time is over; add that authority to the machine's trusted ones (or name its " +
            "file in SSL_CERT_FILE)";

    private static ConfigurationOptions FromParts(RedisLockSettings connection, string path)
    {
        ConfigurationOptions options = NewOptions(connection.Username);
        if (connection.Path is { } socket)
        {
            if (connection.Host is not null || connection.Port is not null)
                throw new LockConfigException(path + ".path", "give a socket's path or host and port, not both.");
            options.EndPoints.Add(new UnixDomainSocketEndPoint(socket));
        }
        else
        {
            AddEndPoint(options, connection.Host ?? "127.0.0.1", connection.Port ?? DefaultPort);
        }

        return options;
    }

    private static ConfigurationOptions FromUrl(RedisLockSettings connection, string url, string path)
    {
        if (connection.Host is not null || connection.Port is not null || connection.Path is not null)
            throw new LockConfigException(path + ".url", "give a url or host, port and path, not both.");
        return url.Contains("://", StringComparison.Ordinal) ? FromUri(connection, url, path) : FromClientsOwn(connection, url, path);
    }

    /// <summary><c>redis://[user[:password]@]host[:port][/db]</c>.</summary>
    private static ConfigurationOptions FromUri(RedisLockSettings connection, string url, string path)
    {
        const string Form = "redis://[user[:password]@]host[:port][/db], or rediss:// for TLS";
        if (!Uri.TryCreate(url, UriKind.Absolute, out Uri? uri) || uri.Scheme is not ("redis" or "rediss") || uri.Host.Length == 0)
            throw new LockConfigException(
                path + ".url", $"is not understood; allowed is {Form}. Percent-encode special characters of user and password.");
        if (uri.Query.Length > 0 || uri.Fragment.Length > 0)
            throw new LockConfigException(path + ".url", $"must have no query and no fragment; allowed is {Form}.");
        string[] user = uri.UserInfo.Split(':', 2);
        ConfigurationOptions options = NewOptions(user[0].Length == 0 ? null : Uri.UnescapeDataString(user[0]));
        if (user.Length == 2)
            options.Password = Uri.UnescapeDataString(user[1]);
        AddEndPoint(options, uri.DnsSafeHost, uri.IsDefaultPort || uri.Port < 0 ? DefaultPort : uri.Port);
        options.Ssl = uri.Scheme == "rediss";
        string db = uri.AbsolutePath.Trim('/');
        if (db.Length > 0)
        {
            options.DefaultDatabase = int.TryParse(
                db, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out int number)
                ? number
                : throw new LockConfigException(path + ".url", $"the part after the host must be a database number; allowed is {Form}.");
        }

        return options;
    }

    private static ConfigurationOptions FromClientsOwn(RedisLockSettings connection, string text, string path)
    {
        if (connection.Username is not null)
            throw new LockConfigException(path + ".username", "goes into the client's own connection string as user=….");
        try
        {
            ConfigurationOptions options = ConfigurationOptions.Parse(text);
            if (options.EndPoints.Count == 0)
                throw new LockConfigException(
                    path + ".url", "names no server; allowed is redis://…, rediss://…, or the client's own host:port,option=value.");
            options.SetDefaultPorts();
            return options;
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException or OverflowException)
        {
            // The client's message may quote a part of the password: neither it nor the exception goes on.
            throw new LockConfigException(path + ".url", "is not a connection string that StackExchange.Redis understands.");
        }
    }

    /// <summary>Options with a user name. Every server takes the default user's password without a name.</summary>
    private static ConfigurationOptions NewOptions(string? user) => new() { User = user is "default" ? null : user };

    private static void AddEndPoint(ConfigurationOptions options, string host, int port)
    {
        if (IPAddress.TryParse(host, out IPAddress? address))
            options.EndPoints.Add(address, port);
        else
            options.EndPoints.Add(host, port);
    }
}
