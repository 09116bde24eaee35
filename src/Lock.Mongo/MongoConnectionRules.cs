namespace Locking;

/// <summary>Turns the connection of a configuration into the client's settings.</summary>
internal static class MongoConnectionRules
{
    /// <summary>Reads the connection.</summary>
    /// <exception cref="LockConfigException">Names the setting, the value and what is allowed.</exception>
    public static MongoClientSettings Client(LockConnection connection)
    {
        RefuseForeign(connection);
        TimeSpan connectTimeout = connection.ConnectTimeout ?? TimeSpan.FromSeconds(3);
        var settings = new MongoClientSettings
        {
            Username = connection.Username,
            Password = connection.Password,
            ConnectTimeout = connectTimeout,
            ServerSelectionTimeout = connectTimeout,
            WaitQueueTimeout = connectTimeout,
            CommandTimeout = connection.CommandTimeout ?? TimeSpan.FromSeconds(2),
            Tls = connection.Tls == true ? new MongoTls() : null,
        };
        settings = connection.Url is { } url ? FromUrl(connection, url, settings) : settings with { Hosts = [Host(connection)] };
        if (settings.Password is not null && settings.Username is null) throw new LockConfigException("connection.password", "is set, but connection.username is not.");
        if (settings.Username is { Length: 0 }) throw new LockConfigException("connection.username", "is empty; leave it out to connect without authentication.");
        CheckPassword(settings);
        return settings;
    }

    /// <summary>With a client of the application's, nothing here says where to connect.</summary>
    public static void CheckBorrowed(LockConnection connection)
    {
        Refuse(connection.Url is not null, "url", "the client was given in code");
        Refuse(connection.Host is not null, "host", "the client was given in code");
        Refuse(connection.Port is not null, "port", "the client was given in code");
        Refuse(connection.Username is not null, "username", "the client was given in code");
        Refuse(connection.Password is not null, "password", "the client was given in code");
        Refuse(connection.Tls is not null, "tls", "the client was given in code");
    }

    private static MongoClientSettings FromUrl(LockConnection connection, string url, MongoClientSettings defaults)
    {
        Refuse(connection.Host is not null, "host", "connection.url names the hosts");
        Refuse(connection.Port is not null, "port", "connection.url names the hosts");
        MongoClientSettings settings;
        try
        {
            settings = MongoUri.Parse(url, defaults);
        }
        catch (FormatException e)
        {
            throw new LockConfigException("connection.url", e.Message, e);
        }

        if (connection.Username is { } user && settings.Username != user) throw new LockConfigException("connection.username", $"is '{user}', but connection.url says '{settings.Username}'; give it once.");
        if (connection.Password is { } password && settings.Password != password) throw new LockConfigException("connection.password", "differs from the one in connection.url; give it once.");
        if (connection.Tls is { } tls && tls != (settings.Tls is not null)) throw new LockConfigException("connection.tls", $"is {(tls ? "true" : "false")}, but connection.url says otherwise; give it once.");
        return settings;
    }

    private static MongoEndpoint Host(LockConnection connection)
    {
        string host = connection.Host ?? "127.0.0.1";
        string bracketed = host.Contains(':', StringComparison.Ordinal) ? $"[{host}]" : host;
        return MongoEndpoint.TryParse($"{bracketed}:{connection.Port ?? MongoEndpoint.DefaultPort}")
            ?? throw new LockConfigException("connection.host", $"is '{host}'; a host name or address is allowed (for several hosts use connection.url).");
    }

    private static void CheckPassword(MongoClientSettings settings)
    {
        try
        {
            _ = SaslPrep.Prepare(settings.Password ?? "");
        }
        catch (FormatException e)
        {
            throw new LockConfigException("connection.password", e.Message, e);
        }
    }

    private static void RefuseForeign(LockConnection connection)
    {
        Refuse(connection.Path is not null, "path", "for a Unix socket use connection.url: mongodb://%2Fpath%2Fto%2Fmongodb.sock");
        Refuse(connection.Db is not null, "db", "the database has a name here: connection.database");
        Refuse(connection.Endpoints is not null, "endpoints", "several hosts of one replica set go into connection.url");
        Refuse(connection.Launch is not null, "launch", "it is for backend broker");
        Refuse(connection.Secret is not null, "secret", "it is for backend broker; here it is connection.password");
        Refuse(connection.NoDelay == false, "noDelay", "it is always on here");
    }

    private static void Refuse(bool isSet, string name, string why)
    {
        if (isSet) throw new LockConfigException($"connection.{name}", $"must be left out for backend mongo: {why}.");
    }
}
