namespace Locking;

/// <summary>The table of the backend <c>redis</c>.</summary>
internal static class RedisSettings
{
    public static SettingsTable<RedisLockSettings> Table { get; } = new(
    [
        CommonSettings.Host<RedisLockSettings>(static s => s.Host, static (s, value) => s with { Host = value }),
        CommonSettings.Port<RedisLockSettings>(6379, static s => s.Port, static (s, value) => s with { Port = value }),
        CommonSettings.SocketPath<RedisLockSettings>(static s => s.Path, static (s, value) => s with { Path = value }),
        CommonSettings.Url<RedisLockSettings>(
            "`redis://host:6379`, `rediss://host:6379` (TLS), or the client's own `host:port,option=value`",
            static s => s.Url, static (s, value) => s with { Url = value }),
        CommonSettings.Username<RedisLockSettings>(static s => s.Username, static (s, value) => s with { Username = value }),
        CommonSettings.Password<RedisLockSettings>(static s => s.Password, static (s, value) => s with { Password = value }),
        CommonSettings.Tls<RedisLockSettings>(static s => s.Tls, static (s, value) => s with { Tls = value }),
        Settings.WholeNumber<RedisLockSettings>(
            "db", static s => s.Db, static (s, value) => s with { Db = value }, "Number of the database.") with
        {
            Default = "0", Misnomers = ["dbNumber", "dbIndex", "defaultDatabase", "index"],
        },
        CommonSettings.ConnectTimeout<RedisLockSettings>(
            static s => s.ConnectTimeout, static (s, value) => s with { ConnectTimeout = value }),
        CommonSettings.CommandTimeout<RedisLockSettings>(
            static s => s.CommandTimeout, static (s, value) => s with { CommandTimeout = value }),
        CommonSettings.NoDelay<RedisLockSettings>(
            static s => s.NoDelay, static (s, value) => s with { NoDelay = value }, "Always `true`: the client sends at once."),
        Settings.Flag<RedisLockSettings>(
            "fair", static s => s.Fair, static (s, value) => s with { Fair = value },
            "First in, first out between processes; inside a process it is always so. In memory and at the broker it is so anyway.") with
        {
            Place = SettingPlace.LockOptions, AllowsNull = false, Default = "`false`", Misnomers = ["fifo"],
            Asks = static value => value is true,
        },
        Settings.WholeNumber<RedisLockSettings>(
            "replicas", static s => s.Replicas, static (s, value) => s with { Replicas = value },
            "A grant counts only when so many replicas have it.") with
        {
            Place = SettingPlace.LockOptions, AllowsNull = false, Default = "0", Asks = static value => value is > 0,
        },
        Settings.Time<RedisLockSettings>(
            "replicaTimeout", static s => s.ReplicaTimeout, static (s, value) => s with { ReplicaTimeout = value },
            "How long to wait for the replicas.") with
        {
            Place = SettingPlace.LockOptions, Default = "1000",
        },
        Retention<RedisLockSettings>(static s => s.FenceRetention, static (s, value) => s with { FenceRetention = value }),
        Format<RedisLockSettings>(LockFormats.All, static s => s.Format, static (s, value) => s with { Format = value }),
        CommonSettings.KeyPrefix<RedisLockSettings>(
            "by format", static s => s.KeyPrefix, static (s, value) => s with { KeyPrefix = value }),
    ])
    {
        Alternatives = [["host", "port"], ["path"], ["url"]],
        Hints = new Dictionary<string, string>
        {
            ["database"] = "A database of redis has a number: see db.",
            ["secret"] = "Here it is a password: see password.",
        },
    };

    /// <summary><c>format</c>, of which a quorum has two.</summary>
    public static Setting<T> Format<T>(IReadOnlyList<string> formats, Func<T, string?> get, Func<T, string?, T> set) =>
        Settings.Choice("format", formats, get, set, "Layout of key and value shared with another client.") with
        {
            Place = SettingPlace.LockOptions, Default = $"`{LockFormats.Native}`", Asks = static value => value is not LockFormats.Native,
        };

    /// <summary><c>fenceRetention</c>.</summary>
    public static Setting<T> Retention<T>(Func<T, TimeSpan?> get, Func<T, TimeSpan?, T> set) =>
        Settings.Time("fenceRetention", get, set, "How long a key's token record outlives the lock.") with
        {
            Place = SettingPlace.LockOptions, Least = 0, Default = "3600000",
        };
}
