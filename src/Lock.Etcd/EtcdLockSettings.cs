namespace Locking;

/// <summary>Where one member of an etcd cluster is.</summary>
public sealed record EtcdEndpointSettings
{
    /// <summary>Host name or address. Default 127.0.0.1.</summary>
    public string? Host { get; set; }

    /// <summary>TCP port for clients, 1 to 65535. Default 2379.</summary>
    public int? Port { get; set; }

    internal static SettingsTable<EtcdEndpointSettings> Table { get; } = new(
    [
        CommonSettings.Host<EtcdEndpointSettings>(static s => s.Host, static (s, value) => s with { Host = value }),
        CommonSettings.Port<EtcdEndpointSettings>(2379, static s => s.Port, static (s, value) => s with { Port = value }),
    ]);
}

/// <summary>The settings of the backend <c>etcd</c>. The cluster is where <see cref="Endpoints"/> say,
/// or at <see cref="Host"/> and <see cref="Port"/>.</summary>
public sealed record EtcdLockSettings
{
    /// <summary>The members of one cluster, at least one.</summary>
    public IReadOnlyList<EtcdEndpointSettings>? Endpoints { get; set; }

    /// <summary>Host name or address of the only member. Default 127.0.0.1.</summary>
    public string? Host { get; set; }

    /// <summary>TCP port for clients, 1 to 65535. Default 2379.</summary>
    public int? Port { get; set; }

    /// <summary>User name; goes with <see cref="Password"/>.</summary>
    public string? Username { get; set; }

    /// <summary>Password. Never shown.</summary>
    public string? Password { get; set; }

    /// <summary>Whether to speak TLS. Default false.</summary>
    public bool? Tls { get; set; }

    /// <summary>PEM file of the authorities that sign the members' certificates. Goes with <see cref="Tls"/>.
    /// Default: as the system trusts.</summary>
    public string? CaFile { get; set; }

    /// <summary>PEM file of this client's certificate. Goes with <see cref="Tls"/> and <see cref="KeyFile"/>.</summary>
    public string? CertFile { get; set; }

    /// <summary>PEM file of the key of <see cref="CertFile"/>.</summary>
    public string? KeyFile { get; set; }

    /// <summary>Limit of connecting to one member. At least 1 ms. Default 3 s.</summary>
    public TimeSpan? ConnectTimeout { get; set; }

    /// <summary>Limit of one request. At least 1 ms. Default 2 s.</summary>
    public TimeSpan? CommandTimeout { get; set; }

    /// <summary>Literal prefix before namespace and key, not empty. Default <c>lock:</c>.</summary>
    public string? KeyPrefix { get; set; }

    internal static SettingsTable<EtcdLockSettings> Table { get; } = new(
    [
        Settings.List<EtcdLockSettings, EtcdEndpointSettings>(
            "endpoints", EtcdEndpointSettings.Table, static s => s.Endpoints, static (s, value) => s with { Endpoints = value },
            "The members of one cluster, at least one.") with
        {
            Allowed = "a list of at least one member, each an object such as {\"host\": \"10.0.0.1\", \"port\": 2379}",
            Misnomers = ["servers", "nodes", "hosts", "members"],
        },
        CommonSettings.Host<EtcdLockSettings>(static s => s.Host, static (s, value) => s with { Host = value }),
        CommonSettings.Port<EtcdLockSettings>(2379, static s => s.Port, static (s, value) => s with { Port = value }),
        CommonSettings.Username<EtcdLockSettings>(static s => s.Username, static (s, value) => s with { Username = value }),
        CommonSettings.Password<EtcdLockSettings>(static s => s.Password, static (s, value) => s with { Password = value }),
        CommonSettings.Tls<EtcdLockSettings>(static s => s.Tls, static (s, value) => s with { Tls = value }) with { Default = "`false`" },
        File("caFile", static s => s.CaFile, static (s, value) => s with { CaFile = value },
            "Authorities that sign the members' certificates; else as the system trusts."),
        File("certFile", static s => s.CertFile, static (s, value) => s with { CertFile = value },
            "This client's certificate; goes with `keyFile`."),
        File("keyFile", static s => s.KeyFile, static (s, value) => s with { KeyFile = value }, "The key of `certFile`."),
        CommonSettings.ConnectTimeout<EtcdLockSettings>(static s => s.ConnectTimeout,
            static (s, value) => s with { ConnectTimeout = value }),
        CommonSettings.CommandTimeout<EtcdLockSettings>(static s => s.CommandTimeout,
            static (s, value) => s with { CommandTimeout = value }),
        CommonSettings.KeyPrefix<EtcdLockSettings>("`lock:`", static s => s.KeyPrefix,
            static (s, value) => s with { KeyPrefix = value }) with
        {
            Kind = SettingKind.Text, Allowed = "a text, which may not be empty",
        },
    ])
    {
        Alternatives = [["host", "port"], ["endpoints"]],
        Needless = ["noDelay", "fair"],
        Hints = new Dictionary<string, string> { ["url"] = "Say host and port for each of the endpoints.",
            ["path"] = "etcd listens on TCP ports." },
    };

    /// <summary>How many members there are. Holds no secret.</summary>
    public override string ToString() => $"{nameof(EtcdLockSettings)} {{ Endpoints = {Endpoints?.Count ?? 1} }}";

    private static Setting<EtcdLockSettings> File(
        string name, Func<EtcdLockSettings, string?> get, Func<EtcdLockSettings, string?, EtcdLockSettings> set, string meaning) =>
        Settings.Text(name, get, set, meaning) with { Allowed = "the path of a PEM file" };
}
