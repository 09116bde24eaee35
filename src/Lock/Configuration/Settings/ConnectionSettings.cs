using static Locking.BackendTypes;

namespace Locking;

/// <summary>The settings of <c>connection</c> and of each of its <c>endpoints</c>.</summary>
internal static class ConnectionSettings
{
    /// <summary>The list of a quorum's servers; read by itself, since each entry is a connection again.</summary>
    public const string Endpoints = "endpoints";

    /// <summary>What <see cref="Endpoints"/> allows.</summary>
    public const string EndpointsAllowed = "a list of at least one connection, each an object such as {\"host\": \"10.0.0.1\", \"port\": 6379}";

    public static Setting<LockConnection> TableName { get; } = new()
    {
        Name = "name",
        Allowed = "a text",
        Backends = [InMemory],
        Parse = SettingValues.Text,
        Set = static (connection, value) => connection with { Name = (string?)value },
        Get = static connection => connection.Name,
    };

    public static Setting<LockConnection> Isolated { get; } = new()
    {
        Name = "isolated",
        Allowed = "true or false",
        Backends = [InMemory],
        Parse = SettingValues.FlagOrNull,
        Set = static (connection, value) => connection with { Isolated = (bool?)value },
        Get = static connection => connection.Isolated,
    };

    public static Setting<LockConnection> Host { get; } = new()
    {
        Name = "host",
        Allowed = "a host name or an address",
        Backends = [Redis, Broker, Mongo],
        Parse = SettingValues.Text,
        Set = static (connection, value) => connection with { Host = (string?)value },
        Get = static connection => connection.Host,
    };

    public static Setting<LockConnection> Port { get; } = new()
    {
        Name = "port",
        Allowed = "1 to 65535",
        Backends = [Redis, Broker, Mongo],
        Parse = SettingValues.IntegerOrNull,
        Set = static (connection, value) => connection with { Port = (int?)value },
        Get = static connection => connection.Port,
    };

    public static Setting<LockConnection> Path { get; } = new()
    {
        Name = "path",
        Aliases = ["udsPath"],
        Allowed = "the path of a Unix domain socket",
        Backends = [Broker, Redis],
        Parse = SettingValues.Text,
        Set = static (connection, value) => connection with { Path = (string?)value },
        Get = static connection => connection.Path,
    };

    public static Setting<LockConnection> Url { get; } = new()
    {
        Name = "url",
        Aliases = ["connectionString"],
        Allowed = "a text such as redis://host:6379, rediss://host:6379 or mongodb://host:27017, or the client's own connection string",
        IsSecret = true,
        Backends = [Redis, Mongo],
        Parse = SettingValues.Text,
        Set = static (connection, value) => connection with { Url = (string?)value },
        Get = static connection => connection.Url,
    };

    public static Setting<LockConnection> Username { get; } = new()
    {
        Name = "username",
        Allowed = "a text",
        Backends = [Redis, RedLock, Mongo],
        Parse = SettingValues.Text,
        Set = static (connection, value) => connection with { Username = (string?)value },
        Get = static connection => connection.Username,
    };

    public static Setting<LockConnection> Password { get; } = new()
    {
        Name = "password",
        Allowed = "a text",
        IsSecret = true,
        Backends = [Redis, RedLock, Mongo],
        Parse = SettingValues.TextOrEmpty,
        Set = static (connection, value) => connection with { Password = (string?)value },
        Get = static connection => connection.Password,
    };

    public static Setting<LockConnection> Tls { get; } = new()
    {
        Name = "tls",
        Allowed = "true or false",
        Backends = [Redis, RedLock, Mongo],
        Parse = SettingValues.FlagOrNull,
        Set = static (connection, value) => connection with { Tls = (bool?)value },
        Get = static connection => connection.Tls,
    };

    public static Setting<LockConnection> Db { get; } = new()
    {
        Name = "db",
        Allowed = "0 or more",
        Backends = [Redis, RedLock],
        Parse = SettingValues.IntegerOrNull,
        Set = static (connection, value) => connection with { Db = (int?)value },
        Get = static connection => connection.Db,
    };

    public static Setting<LockConnection> ConnectTimeout { get; } = new()
    {
        Name = "connectTimeout",
        Allowed = "1 to 10,000 days in milliseconds, or a text such as \"3s\"",
        Backends = [Redis, RedLock, Mongo, Broker],
        Parse = SettingValues.Duration,
        Set = static (connection, value) => connection with { ConnectTimeout = (TimeSpan?)value },
        Get = static connection => connection.ConnectTimeout,
    };

    public static Setting<LockConnection> CommandTimeout { get; } = new()
    {
        Name = "commandTimeout",
        Allowed = "1 to 10,000 days in milliseconds, or a text such as \"2s\"",
        Backends = [Redis, RedLock, Mongo, Broker],
        Parse = SettingValues.Duration,
        Set = static (connection, value) => connection with { CommandTimeout = (TimeSpan?)value },
        Get = static connection => connection.CommandTimeout,
    };

    public static Setting<LockConnection> NoDelay { get; } = new()
    {
        Name = "noDelay",
        Allowed = "true or false",
        Backends = [Redis, RedLock, Mongo, Broker],
        Parse = SettingValues.FlagOrNull,
        Set = static (connection, value) => connection with { NoDelay = (bool?)value },
        Get = static connection => connection.NoDelay,
    };

    public static Setting<LockConnection> Database { get; } = new()
    {
        Name = "database",
        Allowed = "a text",
        Backends = [Mongo],
        Parse = SettingValues.Text,
        Set = static (connection, value) => connection with { Database = (string?)value },
        Get = static connection => connection.Database,
    };

    public static Setting<LockConnection> Collection { get; } = new()
    {
        Name = "collection",
        Allowed = "a text",
        Backends = [Mongo],
        Parse = SettingValues.Text,
        Set = static (connection, value) => connection with { Collection = (string?)value },
        Get = static connection => connection.Collection,
    };

    public static Setting<LockConnection> WriteConcern { get; } = new()
    {
        Name = "writeConcern",
        Allowed = "\"majority\" or a number of servers",
        Backends = [Mongo],
        Parse = SettingValues.TextOrNumber,
        Set = static (connection, value) => connection with { WriteConcern = (string?)value },
        Get = static connection => connection.WriteConcern,
    };

    public static Setting<LockConnection> Launch { get; } = new()
    {
        Name = "launch",
        Allowed = "true or false",
        Backends = [Broker],
        Parse = SettingValues.FlagOrNull,
        Set = static (connection, value) => connection with { Launch = (bool?)value },
        Get = static connection => connection.Launch,
    };

    public static Setting<LockConnection> Secret { get; } = new()
    {
        Name = "secret",
        Allowed = "a text",
        IsSecret = true,
        Backends = [Broker],
        Parse = SettingValues.Text,
        Set = static (connection, value) => connection with { Secret = (string?)value },
        Get = static connection => connection.Secret,
    };

    /// <summary>All but the list of endpoints, in the order of the documentation.</summary>
    public static IReadOnlyList<Setting<LockConnection>> All { get; } =
    [
        TableName, Isolated, Host, Port, Path, Url, Username, Password, Tls, Db, ConnectTimeout, CommandTimeout, NoDelay, Database, Collection, WriteConcern,
        Launch, Secret,
    ];
}
