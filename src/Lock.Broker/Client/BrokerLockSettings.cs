namespace Locking;

/// <summary>The settings of the backend <c>broker</c>. The broker is at <see cref="Host"/> and <see cref="Port"/>,
/// or at <see cref="Path"/>.</summary>
public sealed record BrokerLockSettings
{
    /// <summary>Host name or address. Default 127.0.0.1.</summary>
    public string? Host { get; set; }

    /// <summary>TCP port, 1 to 65535. Default 6970.</summary>
    public int? Port { get; set; }

    /// <summary>Path of a Unix domain socket.</summary>
    public string? Path { get; set; }

    /// <summary>Whether to start a broker when nothing listens. Default false.</summary>
    public bool? Launch { get; set; }

    /// <summary>Shared secret. Never shown.</summary>
    public string? Secret { get; set; }

    /// <summary>Limit of connecting. At least 1 ms. Default 3 s.</summary>
    public TimeSpan? ConnectTimeout { get; set; }

    /// <summary>Limit of one request to the broker. At least 1 ms. Default 2 s.</summary>
    public TimeSpan? CommandTimeout { get; set; }

    /// <summary>TCP_NODELAY. Default true.</summary>
    public bool? NoDelay { get; set; }

    internal static SettingsTable<BrokerLockSettings> Table { get; } = new(
    [
        CommonSettings.Host<BrokerLockSettings>(static s => s.Host, static (s, value) => s with { Host = value }),
        CommonSettings.Port<BrokerLockSettings>(
            BrokerServerOptions.DefaultPort, static s => s.Port, static (s, value) => s with { Port = value }),
        CommonSettings.SocketPath<BrokerLockSettings>(static s => s.Path, static (s, value) => s with { Path = value }),
        Settings.Flag<BrokerLockSettings>(
            "launch", static s => s.Launch, static (s, value) => s with { Launch = value }, "Start a broker when nothing listens.") with
        {
            Default = "`false`",
        },
        Settings.Text<BrokerLockSettings>(
            "secret", static s => s.Secret, static (s, value) => s with { Secret = value }, "Shared secret. Never shown.") with
        {
            IsSecret = true,
        },
        CommonSettings.ConnectTimeout<BrokerLockSettings>(static s => s.ConnectTimeout,
            static (s, value) => s with { ConnectTimeout = value }),
        CommonSettings.CommandTimeout<BrokerLockSettings>(static s => s.CommandTimeout,
            static (s, value) => s with { CommandTimeout = value }),
        CommonSettings.NoDelay<BrokerLockSettings>(static s => s.NoDelay, static (s, value) => s with { NoDelay = value }, "TCP_NODELAY."),
    ])
    {
        Alternatives = [["host", "port"], ["path"]],

        // Waiters always stand in the broker's queue.
        Needless = ["fair"],
        Hints = new Dictionary<string, string>
        {
            ["password"] = "The broker has a shared secret: see secret.",
            ["url"] = "Use host and port, or path.",
            ["keyPrefix"] = "Use namespace to keep applications apart.",
        },
    };

    /// <summary>Where the broker is. Holds no secret.</summary>
    public override string ToString() =>
        $"{nameof(BrokerLockSettings)} {{ {Path ?? $"{Host ?? "127.0.0.1"}:{Port ?? BrokerServerOptions.DefaultPort}"} }}";
}
