namespace Locking;

/// <summary>The settings of the backend <c>mongo</c>. The server is at <see cref="Host"/> and <see cref="Port"/>, or where <see
/// cref="Url"/> says.</summary>
public sealed record MongoLockSettings
{
    /// <summary>Host name or address. Default 127.0.0.1.</summary>
    public string? Host { get; set; }

    /// <summary>TCP port, 1 to 65535. Default 27017.</summary>
    public int? Port { get; set; }

    /// <summary>Any URI that the driver takes. May hold a secret: never shown.</summary>
    public string? Url { get; set; }

    /// <summary>User name; goes with <see cref="Password"/>.</summary>
    public string? Username { get; set; }

    /// <summary>Password. Never shown.</summary>
    public string? Password { get; set; }

    /// <summary>Whether to speak TLS. Default false, or as the url says.</summary>
    public bool? Tls { get; set; }

    /// <summary>Limit of connecting. At least 1 ms. Default 3 s.</summary>
    public TimeSpan? ConnectTimeout { get; set; }

    /// <summary>Limit of one command. At least 1 ms. Default 2 s.</summary>
    public TimeSpan? CommandTimeout { get; set; }

    /// <summary>Always true: the driver sends at once.</summary>
    public bool? NoDelay { get; set; }

    /// <summary>Database name. Default <c>locks</c>.</summary>
    public string? Database { get; set; }

    /// <summary>Collection name. Default <c>locks</c>.</summary>
    public string? Collection { get; set; }

    /// <summary>Write concern: <c>majority</c>, or a number of members. Default <c>majority</c>.</summary>
    public string? WriteConcern { get; set; }

    /// <summary>How long a key's token counter outlives the lock. Not negative. Default 1 h.</summary>
    public TimeSpan? FenceRetention { get; set; }

    /// <summary>Stands before each key in <c>_id</c>. Default nothing.</summary>
    public string? KeyPrefix { get; set; }

    internal static SettingsTable<MongoLockSettings> Table { get; } = new(
    [
        CommonSettings.Host<MongoLockSettings>(static s => s.Host, static (s, value) => s with { Host = value }),
        CommonSettings.Port<MongoLockSettings>(27017, static s => s.Port, static (s, value) => s with { Port = value }),
        CommonSettings.Url<MongoLockSettings>(
            "`mongodb://host:27017`, `mongodb+srv://host`, or any other URI that the driver takes",
            static s => s.Url, static (s, value) => s with { Url = value }),
        CommonSettings.Username<MongoLockSettings>(static s => s.Username, static (s, value) => s with { Username = value }),
        CommonSettings.Password<MongoLockSettings>(static s => s.Password, static (s, value) => s with { Password = value }),
        CommonSettings.Tls<MongoLockSettings>(static s => s.Tls, static (s, value) => s with { Tls = value }),
        CommonSettings.ConnectTimeout<MongoLockSettings>(static s => s.ConnectTimeout,
            static (s, value) => s with { ConnectTimeout = value }),
        CommonSettings.CommandTimeout<MongoLockSettings>(static s => s.CommandTimeout,
            static (s, value) => s with { CommandTimeout = value }),
        CommonSettings.NoDelay<MongoLockSettings>(
            static s => s.NoDelay, static (s, value) => s with { NoDelay = value }, "Always `true`: the driver sends at once."),
        Settings.Text<MongoLockSettings>(
            "database", static s => s.Database, static (s, value) =>
                s with { Database = value }, "Name of the database.") with { Default = "`locks`" },
        Settings.Text<MongoLockSettings>(
            "collection", static s => s.Collection, static (s, value) => s with { Collection = value }, "Name of the collection.") with
        {
            Default = "`locks`",
        },
        Settings.Text<MongoLockSettings>(
            "writeConcern", static s => s.WriteConcern, static (s, value) => s with { WriteConcern = value },
            "How many members must have a write before it counts.") with
        {
            Kind = SettingKind.TextOrNumber, Default = "`majority`", Allowed = "\"majority\" or a number of servers",
        },
        Settings.Time<MongoLockSettings>(
            "fenceRetention", static s => s.FenceRetention, static (s, value) => s with { FenceRetention = value },
            "How long a key's token record outlives the lock.") with
        {
            Place = SettingPlace.LockOptions, Least = 0, Default = "3600000",
        },
        CommonSettings.KeyPrefix<MongoLockSettings>("nothing", static s => s.KeyPrefix, static (s, value) => s with { KeyPrefix = value }),
    ])
    {
        Alternatives = [["host", "port"], ["url"]],
        Hints = new Dictionary<string, string>
        {
            ["db"] = "A database of mongo has a name: see database.",
            ["path"] = "The driver does not connect to Unix sockets; let the server listen on 127.0.0.1 too.",
            ["secret"] = "Here it is a password: see password.",
            ["endpoints"] = "Several hosts of one replica set go into url.",
            ["replicas"] = "Here it is a write concern: see connection.writeConcern.",
        },
    };

    /// <summary>Where the server is. Holds no secret.</summary>
    public override string ToString() =>
        $"{nameof(MongoLockSettings)} {{ {(Url is not null ? "Url = (hidden)" : $"{Host ?? "127.0.0.1"}:{Port ?? 27017}")} }}";
}
