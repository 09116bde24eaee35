namespace Locking;

/// <summary>The settings of the backend <c>postgres</c>. The server is at <see cref="Host"/> and <see cref="Port"/>, behind the socket in
/// <see cref="Path"/>, or where <see cref="Url"/> says.</summary>
public sealed record PostgresLockSettings
{
    /// <summary>Host name or address. Default 127.0.0.1.</summary>
    public string? Host { get; set; }

    /// <summary>TCP port, 1 to 65535, which is also part of a socket's name. Default 5432.</summary>
    public int? Port { get; set; }

    /// <summary>The folder of the server's Unix domain socket.</summary>
    public string? Path { get; set; }

    /// <summary><c>postgres://</c>, with several hosts where there are standbys, or a connection string as Npgsql takes it.
    /// May hold a secret: never shown.</summary>
    public string? Url { get; set; }

    /// <summary>Role. Default the user of the process.</summary>
    public string? Username { get; set; }

    /// <summary>Password. Never shown.</summary>
    public string? Password { get; set; }

    /// <summary>True: TLS, and the server's certificate is checked. False: none. Default as the url says, else what the server offers,
    /// unchecked.</summary>
    public bool? Tls { get; set; }

    /// <summary>Limit of connecting. At least 1 ms. Default 3 s.</summary>
    public TimeSpan? ConnectTimeout { get; set; }

    /// <summary>Limit of one statement. At least 1 ms. Default 2 s.</summary>
    public TimeSpan? CommandTimeout { get; set; }

    /// <summary>Database. Default <c>postgres</c>.</summary>
    public string? Database { get; set; }

    /// <summary>Table, with its schema or without: letters, digits and underscores, as they are. Default <c>locks</c>.</summary>
    public string? Table { get; set; }

    /// <summary>Whether a missing table is made. Default true.</summary>
    public bool? CreateTable { get; set; }

    /// <summary>How long a key's token outlives the lock. At least 1 s. Default 1 h.</summary>
    public TimeSpan? FenceRetention { get; set; }

    internal static SettingsTable<PostgresLockSettings> Rows { get; } = new(
    [
        CommonSettings.Host<PostgresLockSettings>(static s => s.Host, static (s, value) => s with { Host = value }),
        CommonSettings.Port<PostgresLockSettings>(5432, static s => s.Port, static (s, value) => s with { Port = value }),
        CommonSettings.SocketPath<PostgresLockSettings>(static s => s.Path, static (s, value) => s with { Path = value }) with
        {
            Meaning = "Folder of the server's Unix domain socket, such as `/var/run/postgresql`.", Allowed = "a folder",
        },
        CommonSettings.Url<PostgresLockSettings>(
            "`postgres://host:5432/database`, or a connection string as Npgsql takes it", static s => s.Url,
            static (s, value) => s with { Url = value }),
        CommonSettings.Username<PostgresLockSettings>(static s => s.Username, static (s, value) => s with { Username = value }),
        CommonSettings.Password<PostgresLockSettings>(static s => s.Password, static (s, value) => s with { Password = value }),
        CommonSettings.Tls<PostgresLockSettings>(static s => s.Tls, static (s, value) => s with { Tls = value }) with
        {
            Meaning = "`true`: TLS, and the server's certificate is checked.",
            Default = "what the server offers, unchecked, or as the url says",
        },
        CommonSettings.ConnectTimeout<PostgresLockSettings>(static s => s.ConnectTimeout,
            static (s, value) => s with { ConnectTimeout = value }),
        CommonSettings.CommandTimeout<PostgresLockSettings>(static s => s.CommandTimeout,
            static (s, value) => s with { CommandTimeout = value }),
        Settings.Text<PostgresLockSettings>("database", static s => s.Database, static (s, value) => s with { Database = value },
            "Name of the database.") with
        {
            Default = "`postgres`",
        },
        Settings.Text<PostgresLockSettings>("table", static s => s.Table, static (s, value) => s with { Table = value },
            "Name of the table, with its schema or without.") with
        {
            Default = "`locks`", Allowed = PostgresConnection.AllowedTable,
            Check = static (value, path) => PostgresConnection.Quoted((string)value, path), Misnomers = ["tableName", "schema"],
        },
        Settings.Flag<PostgresLockSettings>("createTable", static s => s.CreateTable, static (s, value) => s with { CreateTable = value },
            "Make the table where it is missing.") with
        {
            Default = "`true`",
        },
        Settings.Time<PostgresLockSettings>(
            "fenceRetention", static s => s.FenceRetention, static (s, value) => s with { FenceRetention = value },
            "How long a key's token record outlives the lock.") with
        {
            Place = SettingPlace.LockOptions, Least = 1000, Default = "3600000",
        },
    ])
    {
        Alternatives = [["host", "port"], ["path"], ["url"]],
        Hints = new Dictionary<string, string>
        {
            ["db"] = "A database of postgres has a name: see database.",
            ["collection"] = "Here it is a table: see table.",
            ["endpoints"] = "Several hosts, of which one is the primary, go into url: postgres://one,two/database.",
            ["replicas"] = "The server waits for its standbys by itself: see synchronous_standby_names there.",
            ["secret"] = "Here it is a password: see password.",
        },
    };

    /// <summary>Where the server is. Holds no secret.</summary>
    public override string ToString() =>
        $"{nameof(PostgresLockSettings)} {{ {(Url is not null ? "Url = (hidden)" : $"{Path ?? Host ?? "127.0.0.1"}:{Port ?? 5432}")} }}";
}
