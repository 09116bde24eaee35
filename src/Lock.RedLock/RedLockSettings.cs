namespace Locking;

/// <summary>The settings of the backend <c>redLock</c>. What stands beside <see cref="Endpoints"/> counts for each that does not say
/// otherwise.</summary>
public sealed record RedLockSettings
{
    /// <summary>The independent servers, at least one; of each, what says how to reach it. An odd number is recommended.</summary>
    public IReadOnlyList<RedisLockSettings>? Endpoints { get; set; }

    /// <summary>User name; goes with <see cref="Password"/>.</summary>
    public string? Username { get; set; }

    /// <summary>Password. Never shown.</summary>
    public string? Password { get; set; }

    /// <summary>Whether to speak TLS. Default false, or as the url says.</summary>
    public bool? Tls { get; set; }

    /// <summary>Database number, not negative. Default 0.</summary>
    public int? Db { get; set; }

    /// <summary>Limit of connecting. At least 1 ms. Default 3 s.</summary>
    public TimeSpan? ConnectTimeout { get; set; }

    /// <summary>Limit of one request to a server. At least 1 ms. Default 2 s.</summary>
    public TimeSpan? CommandTimeout { get; set; }

    /// <summary>Always true: the client sends at once.</summary>
    public bool? NoDelay { get; set; }

    /// <summary>Limit of one node's vote. At least 1 ms. Default the larger of 50 ms and a hundredth of the TTL.</summary>
    public TimeSpan? NodeTimeout { get; set; }

    /// <summary>Votes needed; never below a majority. Default a majority.</summary>
    public int? Quorum { get; set; }

    /// <summary>How long a key's fencing record outlives the lock. Not negative. Default 1 h.</summary>
    public TimeSpan? FenceRetention { get; set; }

    /// <summary>Key and value layout shared with another client: <c>native</c> or <c>redlock.net</c>. Default <c>native</c>.</summary>
    public string? Format { get; set; }

    /// <summary>Literal prefix before namespace and key. Default by <see cref="Format"/>.</summary>
    public string? KeyPrefix { get; set; }

    internal static SettingsTable<RedLockSettings> Table { get; } = new(
    [
        Settings.List<RedLockSettings, RedisLockSettings>(
            "endpoints", RedisSettings.Table, static s => s.Endpoints, static (s, value) => s with { Endpoints = value },
            "One connection per independent server (any of those of redis), at least 1, odd numbers recommended. What stands beside them " +
            "(user and "
            + "password as a pair, TLS, db, times) counts for each that does not say otherwise, in its url or beside it.") with
        {
            Allowed = "a list of at least one connection, each an object such as {\"host\": \"10.0.0.1\", \"port\": 6379}",
            Default = "needed",
            Misnomers = ["servers", "nodes", "hosts", "members"],
        },
        CommonSettings.Username<RedLockSettings>(static s => s.Username, static (s, value) => s with { Username = value }),
        CommonSettings.Password<RedLockSettings>(static s => s.Password, static (s, value) => s with { Password = value }),
        CommonSettings.Tls<RedLockSettings>(static s => s.Tls, static (s, value) => s with { Tls = value }),
        Settings.WholeNumber<RedLockSettings>(
            "db", static s => s.Db, static (s, value) => s with { Db = value }, "Number of the database.") with
        {
            Default = "0",
        },
        CommonSettings.ConnectTimeout<RedLockSettings>(
            static s => s.ConnectTimeout, static (s, value) => s with { ConnectTimeout = value }),
        CommonSettings.CommandTimeout<RedLockSettings>(
            static s => s.CommandTimeout, static (s, value) => s with { CommandTimeout = value }),
        CommonSettings.NoDelay<RedLockSettings>(
            static s => s.NoDelay, static (s, value) => s with { NoDelay = value }, "Always `true`: the client sends at once."),
        Settings.Time<RedLockSettings>(
            "nodeTimeout", static s => s.NodeTimeout, static (s, value) => s with { NodeTimeout = value }, "Limit of one node's vote.") with
        {
            Place = SettingPlace.LockOptions, Default = "the larger of 50 and a hundredth of the ttl",
        },
        Settings.WholeNumber<RedLockSettings>(
            "quorum", static s => s.Quorum, static (s, value) => s with { Quorum = value }, "Votes needed, never below a majority.") with
        {
            Place = SettingPlace.LockOptions, Least = 1, Default = "a majority",
            Allowed = "a majority of the endpoints up to all of them, or null for a majority",
        },
        RedisSettings.Retention<RedLockSettings>(static s => s.FenceRetention, static (s, value) => s with { FenceRetention = value }),
        RedisSettings.Format<RedLockSettings>(
            [LockFormats.Native, LockFormats.RedLockNet], static s => s.Format, static (s, value) => s with { Format = value }),
        CommonSettings.KeyPrefix<RedLockSettings>("by format", static s => s.KeyPrefix, static (s, value) => s with { KeyPrefix = value }),
    ])
    {
        Hints = new Dictionary<string, string>
        {
            ["host"] = "Say it for each of the endpoints.",
            ["port"] = "Say it for each of the endpoints.",
            ["path"] = "Say it for each of the endpoints.",
            ["url"] = "Say it for each of the endpoints.",
            ["database"] = "A database of redis has a number: see db.",
            ["fair"] = "Independent servers have no common order of arrival.",
        },
    };

    /// <summary>How many servers there are. Holds no secret.</summary>
    public override string ToString() => $"{nameof(RedLockSettings)} {{ Endpoints = {Endpoints?.Count ?? 0} }}";
}
