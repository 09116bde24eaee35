using System.Globalization;
using System.Net;
using MongoDB.Driver;
using MongoDB.Driver.Core.Configuration;
using MongoDB.Driver.Core.Events;

namespace Locking;

/// <summary>Turns the connection of a configuration into what a client of our own is made of.</summary>
internal static class MongoConnectionRules
{
    private static readonly TimeSpan s_defaultConnectTimeout = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan s_defaultCommandTimeout = TimeSpan.FromSeconds(2);

    /// <summary>Connections that may be opened at once: a burst of locks on a cold client needs many, and each takes round trips.</summary>
    private const int MaxConnecting = 8;

    /// <summary>Reads the connection.</summary>
    /// <exception cref="LockConfigException">Names the setting, the value and what is allowed.</exception>
    public static MongoClientPlan Client(MongoLockSettings connection)
    {
        Refuse(connection.NoDelay == false, "noDelay", "it is always on here");
        if (connection.Username is { Length: 0 })
            throw new LockConfigException("connection.username", "is empty; leave it out to connect without authentication.");
        try
        {
            return connection.Url is { } url ? FromUrl(connection, url) : FromHost(connection);
        }
        catch (FormatException exception)
        {
            throw new LockConfigException(connection.Url is null ? "connection.host" : "connection.url", exception.Message);
        }
    }

    /// <summary>With a client of the application's, nothing here says where to connect.</summary>
    public static MongoTarget Lent(MongoLockSettings connection, MongoClientSettings? client)
    {
        Refuse(connection.NoDelay == false, "noDelay", "it is always on here");
        Refuse(connection.Url is not null, "url", "the client was given in code");
        Refuse(connection.Host is not null, "host", "the client was given in code");
        Refuse(connection.Port is not null, "port", "the client was given in code");
        Refuse(connection.Username is not null, "username", "the client was given in code");
        Refuse(connection.Password is not null, "password", "the client was given in code");
        Refuse(connection.Tls is not null, "tls", "the client was given in code");
        return MongoTarget.OfLent(client, connection.ConnectTimeout ?? s_defaultConnectTimeout,
            connection.CommandTimeout ?? s_defaultCommandTimeout);
    }

    private static MongoClientPlan FromHost(MongoLockSettings connection)
    {
        if (connection.Password is not null && connection.Username is null)
            throw new LockConfigException("connection.password", "is set, but connection.username is not.");
        var builder = new MongoUrlBuilder { Server = Host(connection), Username = connection.Username, Password = connection.Password,
            UseTls = connection.Tls ?? false };
        return Plan(connection, builder.ToMongoUrl(), []);
    }

    private static MongoClientPlan FromUrl(MongoLockSettings connection, string given)
    {
        Refuse(connection.Host is not null, "host", "connection.url names the hosts");
        Refuse(connection.Port is not null, "port", "connection.url names the hosts");
        MongoUrl url = MongoUri.Parse(given);
        Dictionary<string, string> options = MongoUriOptions.Split(given);
        if (connection.Username is { } user && url.Username is { } other && other != user)
            throw new LockConfigException("connection.username", $"is '{user}', but connection.url says '{other}'; give it once.");
        if (connection.Password is { } password && url.Password is { } another && another != password)
            throw new LockConfigException("connection.password", "differs from the one in connection.url; give it once.");
        if (connection.Password is not null && (connection.Username ?? url.Username) is null)
            throw new LockConfigException("connection.password", "is set, but connection.username is not.");
        // That a mongodb+srv URI means TLS is a default.
        bool saysTls = options.ContainsKey("tls") || options.ContainsKey("ssl")
            || (url.UseTls && url.Scheme != ConnectionStringScheme.MongoDBPlusSrv);
        if (connection.Tls is { } tls && saysTls && tls != url.UseTls)
            throw new LockConfigException("connection.tls",
                $"is {(tls ? "true" : "false")}, but connection.url says otherwise; give it once.");
        if (connection.Username is not null || connection.Password is not null || connection.Tls is not null)
        {
            url = new MongoUrlBuilder(given) { Username = connection.Username ?? url.Username,
                Password = connection.Password ?? url.Password, UseTls = connection.Tls ?? url.UseTls }.ToMongoUrl();
        }

        return Plan(connection, url, options);
    }

    private static MongoClientPlan Plan(MongoLockSettings connection, MongoUrl url, Dictionary<string, string> options)
    {
        MongoUri.Check(url);
        MongoTls? tls = Tls(options);
        // Who says how to do TLS wants it.
        string? how = options.Keys.FirstOrDefault(name => name.StartsWith("tls", StringComparison.OrdinalIgnoreCase)
            && !name.Equals("tls", StringComparison.OrdinalIgnoreCase));
        if (how is not null && !url.UseTls && (options.ContainsKey("tls") || options.ContainsKey("ssl") || connection.Tls == false))
            throw MongoUriOptions.Bad(how, "…", "nothing while TLS is off");
        TimeSpan connectTimeout = Has("connectTimeout") ? Limit(url.ConnectTimeout) : connection.ConnectTimeout ?? s_defaultConnectTimeout;
        var target = new MongoTarget
        {
            Hosts = [.. url.Servers.Select(server => url.Scheme == ConnectionStringScheme.MongoDBPlusSrv
                ? server.Host : server.ToString())],
            Username = url.Username,
            AuthSource = url.AuthenticationSource ?? url.DatabaseName ?? "admin",
            ReplicaSet = url.ReplicaSetName,
            UsesTls = url.UseTls || how is not null,
            TrustsAnybody = url.AllowInsecureTls || tls is { AllowInvalidCertificates: true } or { AllowInvalidHostnames: true },
            ShowsCertificate = tls?.ClientCertificate is not null,
            ConnectTimeout = connectTimeout,
            SelectionTimeout =
                Has("serverSelectionTimeout") ? Limit(url.ServerSelectionTimeout) : connection.ConnectTimeout ?? s_defaultConnectTimeout,
            CommandTimeout = CommandTimeout(url, options) ?? connection.CommandTimeout ?? s_defaultCommandTimeout,
            QueueTimeout = Has("waitQueueTimeout") ? Limit(url.WaitQueueTimeout) : null,
            MaxConnections = url.MaxConnectionPoolSize == 0 ? int.MaxValue : url.MaxConnectionPoolSize,
        };
        return new MongoClientPlan(target, url, (settings, servers) => Adjust(settings, servers, target, tls, Has("maxConnecting")),
            options.GetValueOrDefault("w"));

        bool Has(string name) => IsGiven(options, name);
    }

    private static bool IsGiven(Dictionary<string, string> options, string name) =>
        options.ContainsKey(name) || options.ContainsKey(name + "MS");

    /// <summary>The URI's; null where it has none.</summary>
    private static TimeSpan? CommandTimeout(MongoUrl url, Dictionary<string, string> options)
    {
        if (IsGiven(options, "socketTimeout")) return Limit(url.SocketTimeout);
        string? text = options.GetValueOrDefault("timeoutMS");
        if (text is null) return null;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int milliseconds)
            ? Limit(TimeSpan.FromMilliseconds(milliseconds))
            : throw MongoUriOptions.Bad("timeoutMS", text, "a whole number of milliseconds");
    }

    /// <summary>What a lock needs and the driver has otherwise.</summary>
    private static void Adjust(MongoClientSettings settings, MongoServers servers, MongoTarget target, MongoTls? tls, bool saysConnecting)
    {
        settings.ConnectTimeout = Driver(target.ConnectTimeout);
        settings.ServerSelectionTimeout =
            target.SelectionTimeout == Timeout.InfiniteTimeSpan ? Timeout.InfiniteTimeSpan : target.SelectionTimeout;
        // The limits of commands and of waiting are ours: only they know what was sent, and that a busy pool is no sick server.
        settings.SocketTimeout = TimeSpan.Zero;
        settings.WaitQueueTimeout = Timeout.InfiniteTimeSpan;
#pragma warning disable CS0618 // Obsolete, and without it the driver refuses what waits for a connection while all are in use.
        settings.WaitQueueSize = int.MaxValue;
#pragma warning restore CS0618
        if (!saysConnecting) settings.MaxConnecting = MaxConnecting;
        settings.UseTls = target.UsesTls;
        settings.ApplicationName ??= "lock";
        // Clients with equal settings share connections, and one of them would close those of the other: a delegate of one's own makes them
        // differ.
        settings.ClusterConfigurator = builder =>
            builder.Subscribe<ServerDescriptionChangedEvent>(changed => servers.Saw(changed.NewDescription));
        if (tls is null) return;
        SslSettings ssl = settings.SslSettings?.Clone() ?? new SslSettings();
        if (tls.NeedsCallback) ssl.ServerCertificateValidationCallback = tls.IsAccepted;
        if (tls.ClientCertificate is not null) ssl.ClientCertificates = [tls.ClientCertificate];
        if (tls.Roots is not null) ssl.CheckCertificateRevocation = false;
        settings.SslSettings = ssl;
    }

    private static MongoTls? Tls(Dictionary<string, string> options)
    {
        if (!MongoUriOptions.Ours.Any(options.ContainsKey)) return null;
        string? roots = options.GetValueOrDefault("tlsCAFile");
        string? certificate = options.GetValueOrDefault("tlsCertificateKeyFile");
        return new MongoTls(
            Read("tlsCAFile", roots, MongoTls.ReadRoots),
            Read("tlsCertificateKeyFile", certificate,
                file => MongoTls.ReadClientCertificate(file, options.GetValueOrDefault("tlsCertificateKeyFilePassword"))),
            MongoUriOptions.Flag(options, "tlsAllowInvalidCertificates"),
            MongoUriOptions.Flag(options, "tlsAllowInvalidHostnames"));

        static T? Read<T>(string name, string? file, Func<string, T> read)
            where T : class
        {
            try
            {
                return file is null ? null : read(file);
            }
            catch (FormatException exception)
            {
                throw MongoUriOptions.Bad(name, file!, exception.Message);
            }
        }
    }

    /// <summary>Zero is no limit, as the drivers have it.</summary>
    private static TimeSpan Limit(TimeSpan span) => span == TimeSpan.Zero ? Timeout.InfiniteTimeSpan : span;

    private static TimeSpan Driver(TimeSpan limit) => limit == Timeout.InfiniteTimeSpan ? TimeSpan.Zero : limit;

    private static MongoServerAddress Host(MongoLockSettings connection)
    {
        string host = connection.Host ?? "127.0.0.1";
        if (IPAddress.TryParse(host.Trim('[', ']'), out IPAddress? address))
            return new MongoServerAddress(host.Contains(':', StringComparison.Ordinal) ? $"[{address}]" : host, connection.Port ?? 27017);
        int colon = host.IndexOf(':', StringComparison.Ordinal);
        if (colon > 0 && int.TryParse(host[(colon + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out int port)
            && Uri.CheckHostName(host[..colon]) != UriHostNameType.Unknown)
            throw new LockConfigException("connection.host",
                $"is '{host}'; the port has a setting of its own: \"host\": \"{host[..colon]}\", \"port\": {port}.");
        if (host.StartsWith("mongodb", StringComparison.OrdinalIgnoreCase) && host.Contains("://", StringComparison.Ordinal))
            throw new LockConfigException("connection.host", "is a URI; that belongs into connection.url.");
        if (Uri.CheckHostName(host) == UriHostNameType.Unknown)
            throw new LockConfigException("connection.host",
                $"is '{host}'; a host name or address is allowed (for several hosts use connection.url).");
        return new MongoServerAddress(host, connection.Port ?? 27017);
    }

    private static void Refuse(bool isSet, string name, string why)
    {
        if (isSet) throw new LockConfigException($"connection.{name}", $"must be left out for backend mongo: {why}.");
    }
}
