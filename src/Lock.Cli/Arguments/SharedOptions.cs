namespace Locking;

/// <summary>Options that several commands have.</summary>
internal static class SharedOptions
{
    public static OptionSpec Config { get; } = new("--config", null, "JSON|@FILE",
        "The configuration. Default: the environment variable LOCK_CONFIG, else this user's own broker, started when absent.");

    public static OptionSpec Json { get; } = new("--json", null, null, "Print JSON.");

    public static OptionSpec Verbose { get; } = new("--verbose", null, null, "Say on standard error which backend is used, and why.");

    public static OptionSpec Help { get; } = new("--help", "-h", null, "Show this help.");

    public static OptionSpec Namespace { get; } = new("--ns", null, "NS", "Take NS:KEY instead of KEY. Without it keys are global.");

    public static OptionSpec Ttl { get; } = new("--ttl", null, "TIME",
        "The lease: 30s, 500ms, 5m, 1h or never; the unit is needed. Default: as configured, 30s.");

    public static OptionSpec Id { get; } = new("--id", null, "ID", "The id that acquire printed (run gives it to its command as LOCK_ID).");

    public static OptionSpec Owner { get; } = new("--owner", null, "NAME", "Who takes the lock, shown to people. Default: host/pid.");
}
