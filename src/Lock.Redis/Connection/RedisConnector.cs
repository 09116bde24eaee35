using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using StackExchange.Redis;

namespace Locking;

/// <summary>A connection of our own, from a <see cref="LockConnection"/>.</summary>
internal sealed class RedisConnector : IRedisConnector
{
    private const int DefaultPort = 6379;

    private readonly ConfigurationOptions _options;

    private RedisConnector(ConfigurationOptions options, TimeSpan connectTimeout, TimeSpan commandTimeout)
    {
        _options = options;
        ConnectTimeout = connectTimeout;
        CommandTimeout = commandTimeout;
        Database = options.DefaultDatabase ?? -1;
        Server = $"Redis at {string.Join(", ", options.EndPoints.Select(EndPointNames.Of))}";
    }

    public int Database { get; }

    public TimeSpan CommandTimeout { get; }

    public TimeSpan ConnectTimeout { get; }

    public string Server { get; }

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
    public static RedisConnector From(LockConnection connection, string path = "connection", LockConnection? shared = null)
    {
        RefuseForeign(connection, path);
        var connectTimeout = connection.ConnectTimeout ?? TimeSpan.FromSeconds(3);
        var commandTimeout = connection.CommandTimeout ?? TimeSpan.FromSeconds(2);
        var options = connection.Url is { } url ? FromUrl(connection, url, path) : FromParts(connection, path);
        StatedSettings.Apply(options, connection, shared, path);
        if (options.Ssl && string.IsNullOrEmpty(options.SslHost) && options.EndPoints.FirstOrDefault() is DnsEndPoint dns)
            options.SslHost = dns.Host;
        // The first request wants to know why it failed; the next one tries again.
        options.AbortOnConnectFail = true;
        options.ConnectRetry = 1;
        options.ConnectTimeout = (int)Math.Min(connectTimeout.TotalMilliseconds, int.MaxValue);
        options.SyncTimeout = (int)Math.Min(commandTimeout.TotalMilliseconds, int.MaxValue);
        options.ReconnectRetryPolicy = new LinearRetry(250);
        return new RedisConnector(options, connectTimeout, commandTimeout);
    }

    /// <summary>A second connection to where the application's goes.</summary>
    public static RedisConnector Like(IConnectionMultiplexer lent, int database, TimeSpan commandTimeout)
    {
        var options = ConfigurationOptions.Parse(lent.Configuration);
        options.DefaultDatabase = lent.GetDatabase(database).Database;
        return new RedisConnector(options, TimeSpan.FromMilliseconds(options.ConnectTimeout), commandTimeout);
    }

    /// <summary>The same, for requests that the server may take so much longer for.</summary>
    public RedisConnector WithLongRequests(TimeSpan extraTime)
    {
        var options = _options.Clone();
        options.SyncTimeout = (int)Math.Min(options.SyncTimeout + extraTime.TotalMilliseconds, int.MaxValue);
        return new RedisConnector(options, ConnectTimeout, CommandTimeout);
    }

    /// <summary>The same, allowed to ask what administrators ask.</summary>
    public RedisConnector ForQuestions()
    {
        var options = _options.Clone();
        options.AllowAdmin = true;
        // Where one of several servers is silent the client takes all of its own time, and then goes on with the others.
        return new RedisConnector(options, ConnectTimeout * 2, CommandTimeout);
    }

    public async Task<IConnectionMultiplexer> ConnectAsync()
    {
        var options = _options.Clone();
        var distrust = SslPolicyErrors.None;
        // The client calls every failure of TLS one of authentication, as it does a wrong password: only this tells them apart.
        options.CertificateValidation += (_, _, _, errors) =>
        {
            distrust |= errors;
            return errors == SslPolicyErrors.None;
        };
        try
        {
            return await ConnectionMultiplexer.ConnectAsync(options).ConfigureAwait(false);
        }
        catch (RedisConnectionException exception) when (distrust != SslPolicyErrors.None)
        {
            throw new LockStoreException(
                $"The certificate of {Server} is refused: {Explain(distrust)}.", isTransient: false, exception)
            {
                MayHaveBeenApplied = false,
            };
        }
    }

    /// <summary>The oldest client calls a Sentinel a server that cannot be reached.</summary>
    public async Task<LockStoreException?> ExplainAsync(RedisConnectionException failure, TimeProvider time)
    {
        if (_options.Ssl)
            return null;
        foreach (var endPoint in _options.EndPoints)
        {
            if (await SentinelProbe.AnswersAsync(endPoint, time).ConfigureAwait(false))
            {
                return new LockStoreException(
                    $"What answers at {EndPointNames.Of(endPoint)} is a Sentinel, which keeps no locks: name the master and its replicas in connection.url (host:port,host:port), " +
                    $"or let a build with version 2 or later of the client ask it (serviceName=… in connection.url). This one has {ClientVersion}.",
                    isTransient: false, failure)
                {
                    MayHaveBeenApplied = false,
                };
            }
        }

        return null;
    }

    private static string Explain(SslPolicyErrors errors) =>
        errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch) ? "it is for another host name than the one that is configured"
        : errors.HasFlag(SslPolicyErrors.RemoteCertificateNotAvailable) ? "it has none"
        : "this machine does not trust who signed it, or its time is over; add that authority to the machine's trusted ones (or name its file in SSL_CERT_FILE)";

    /// <inheritdoc/>
    public bool DeliverOnThePool(IConnectionMultiplexer multiplexer)
    {
        if (typeof(ConnectionMultiplexer).Assembly.GetName().Version is not { Major: < 2 })
            return false;
#pragma warning disable CS0618 // Later versions keep it without an effect; they are not asked.
        // By default one thread delivers all answers in their order, and whoever went on there and blocked would hold up the others.
        multiplexer.PreserveAsyncOrder = false;
#pragma warning restore CS0618
        return true;
    }

    /// <summary>The client's version, for messages.</summary>
    private static string ClientVersion => $"StackExchange.Redis {typeof(ConnectionMultiplexer).Assembly.GetName().Version?.ToString(3)}";

    private static ConfigurationOptions FromParts(LockConnection connection, string path)
    {
        var options = NewOptions(connection.Username, path + ".username");
        if (connection.Path is { } socket)
        {
            if (connection.Host is not null || connection.Port is not null)
                throw new LockConfigException(path + ".path", "give a socket's path or host and port, not both.");
            if (typeof(ConnectionMultiplexer).Assembly.GetName().Version is { Major: < 2 })
                throw new LockConfigException(path + ".path", $"{ClientVersion} has no Unix sockets: use host and port, or a build with version 2 or later.");
            options.EndPoints.Add(new UnixDomainSocketEndPoint(socket));
        }
        else
        {
            AddEndPoint(options, connection.Host ?? "127.0.0.1", connection.Port ?? DefaultPort);
        }

        return options;
    }

    private static ConfigurationOptions FromUrl(LockConnection connection, string url, string path)
    {
        if (connection.Host is not null || connection.Port is not null || connection.Path is not null)
            throw new LockConfigException(path + ".url", "give a url or host, port and path, not both.");
        return url.Contains("://", StringComparison.Ordinal) ? FromUri(connection, url, path) : FromClientsOwn(connection, url, path);
    }

    /// <summary><c>redis://[user[:password]@]host[:port][/db]</c>.</summary>
    private static ConfigurationOptions FromUri(LockConnection connection, string url, string path)
    {
        const string Form = "redis://[user[:password]@]host[:port][/db], or rediss:// for TLS";
        if (!Uri.TryCreate(url, UriKind.Absolute, out var uri) || uri.Scheme is not ("redis" or "rediss") || uri.Host.Length == 0)
            throw new LockConfigException(path + ".url", $"is not understood; allowed is {Form}. Percent-encode special characters of user and password.");
        if (uri.Query.Length > 0 || uri.Fragment.Length > 0)
            throw new LockConfigException(path + ".url", $"must have no query and no fragment; allowed is {Form}.");
        var user = uri.UserInfo.Split(':', 2);
        var options = NewOptions(user[0].Length == 0 ? null : Uri.UnescapeDataString(user[0]), path + ".url");
        if (user.Length == 2)
            options.Password = Uri.UnescapeDataString(user[1]);
        AddEndPoint(options, uri.DnsSafeHost, uri.IsDefaultPort || uri.Port < 0 ? DefaultPort : uri.Port);
        options.Ssl = uri.Scheme == "rediss";
        var db = uri.AbsolutePath.Trim('/');
        if (db.Length > 0)
        {
            options.DefaultDatabase = int.TryParse(db, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var number)
                ? number
                : throw new LockConfigException(path + ".url", $"the part after the host must be a database number; allowed is {Form}.");
        }

        return options;
    }

    private static ConfigurationOptions FromClientsOwn(LockConnection connection, string text, string path)
    {
        if (connection.Username is not null)
            throw new LockConfigException(path + ".username", "goes into the client's own connection string as user=….");
        if (text.Contains("serviceName=", StringComparison.OrdinalIgnoreCase) && typeof(ConnectionMultiplexer).Assembly.GetName().Version is { Major: < 2 })
        {
            // This version reads it, and then takes the sentinels for the servers.
            throw new LockConfigException(
                path + ".url", $"{ClientVersion} cannot ask Sentinel: name the master and its replicas, or use a build with version 2 or later.");
        }

        try
        {
            var options = ConfigurationOptions.Parse(text);
            if (options.EndPoints.Count == 0)
                throw new LockConfigException(path + ".url", "names no server; allowed is redis://…, rediss://…, or the client's own host:port,option=value.");
            options.SetDefaultPorts();
            return options;
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException or OverflowException)
        {
            // The client's message may quote a part of the password: neither it nor the exception goes on.
            var hint = text.Contains("user=", StringComparison.OrdinalIgnoreCase) ? " This version has no user names." : "";
            throw new LockConfigException(path + ".url", $"is not a connection string that {ClientVersion} understands.{hint}");
        }
    }

    /// <summary>Options with a user name. Versions of the client differ: it goes through the one form that all parse, or refuse.</summary>
    private static ConfigurationOptions NewOptions(string? user, string path)
    {
        ConfigurationOptions options;
        if (user is null or "default")
        {
            // Every server takes the default user's password without a name.
            options = new ConfigurationOptions();
        }
        else if (user.Contains(',', StringComparison.Ordinal))
        {
            throw new LockConfigException(path, "a user name with a comma cannot be given to the Redis client.");
        }
        else
        {
            try
            {
                options = ConfigurationOptions.Parse("user=" + user);
            }
            catch (ArgumentException)
            {
                throw new LockConfigException(
                    path, $"{ClientVersion} has no user names: use the default user's password alone, or a build with version 2 or later.");
            }
        }

        // Neither election among several masters nor the client's own announcements: one lock server, one subscription.
        options.TieBreaker = "";
        options.ConfigurationChannel = "";
        return options;
    }

    private static void AddEndPoint(ConfigurationOptions options, string host, int port)
    {
        if (IPAddress.TryParse(host, out var address))
            options.EndPoints.Add(address, port);
        else
            options.EndPoints.Add(host, port);
    }

    private static void RefuseForeign(LockConnection connection, string path)
    {
        Refuse(connection.Endpoints, "endpoints", "redLock");
        Refuse(connection.Database, "database", "mongo; Redis numbers its databases: db");
        Refuse(connection.Collection, "collection", "mongo");
        Refuse(connection.WriteConcern, "writeConcern", "mongo");
        Refuse(connection.Launch, "launch", "broker");
        Refuse(connection.Secret, "secret", "broker; use password");
        if (connection.NoDelay is false)
            throw new LockConfigException(path + ".noDelay", "must be true: the Redis client always sends at once.");

        void Refuse(object? value, string name, string belongs)
        {
            if (value is not null)
                throw new LockConfigException($"{path}.{name}", $"is not for redis (it belongs to {belongs}).");
        }
    }
}
