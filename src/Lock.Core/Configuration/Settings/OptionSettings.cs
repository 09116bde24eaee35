using static Locking.Providers.SettingWords;

namespace Locking;

/// <summary>The settings of <c>lockOptions</c> that the engine acts on, whatever the backend.</summary>
internal static class OptionSettings
{
    private static readonly double s_longest = OptionRules.Longest.TotalMilliseconds;

    public static Setting<LockOptions> Ttl { get; } = Time(
        "ttl", static o => o.Ttl, static (o, value) => o with { Ttl = value },
        "Lease. `null` or -1: never expires, where the backend allows it.") with
    {
        Kind = SettingKind.TimeOrEndless, Aliases = ["timeoutMillis"], Default = "30000",
        Allowed = $"1 to 10,000 days in {Milliseconds}; null or -1 for a lock that never expires",
        Misnomers = ["expiry", "expire", "expires", "expiration", "lease", "leaseTime", "leaseDuration", "duration", "lockTtl"],
    };

    public static Setting<LockOptions> AutoRenew { get; } = Flag(
        "autoRenew", static o => o.AutoRenew, static (o, value) => o with { AutoRenew = value },
        "The lease is renewed while its handle lives, up to `maxHold`; a ttl in a call changes its length, not this.") with
    {
        Default = "`true`", Misnomers = ["renew", "renewal", "autoExtend", "autoExtension", "extend", "keepAlive", "watchdog"],
    };

    public static Setting<LockOptions> RenewInterval { get; } = Time(
        "renewInterval", static o => o.RenewInterval, static (o, value) => o with { RenewInterval = value }, "At most half the ttl.") with
    {
        Default = "a third of the ttl", Allowed = $"1 to half the ttl, in {Milliseconds}",
    };

    public static Setting<LockOptions> MaxHold { get; } = Time(
        "maxHold", static o => o.MaxHold, static (o, value) => o with { MaxHold = value },
        "Renewing stops after this, the handle is then lost.") with
    {
        Kind = SettingKind.TimeOrNone, Default = "null",
    };

    public static Setting<LockOptions> WaitTimeout { get; } = Time(
        "waitTimeout", static o => o.WaitTimeout, static (o, value) => o with { WaitTimeout = value },
        "`null` or -1: for ever; 0: one attempt.") with
    {
        Kind = SettingKind.TimeOrEndless, Least = 0, Aliases = ["timeout", "failAfterMillis"],
        Default = "for ever (`LockAsync`), 0 (`TryLockAsync`)",
        Allowed = $"0 (one attempt) to 10,000 days in {Milliseconds}; null or -1 to wait for ever",
        Misnomers = ["acquireTimeout", "lockTimeout", "waitTime", "maxWait", "blockingTimeout"],
    };

    public static Setting<LockOptions> RetryCount { get; } = new()
    {
        Name = "retryCount", Place = SettingPlace.LockOptions, Kind = SettingKind.WholeNumber, AllowsNull = true, Least = -1,
        Default = "null",
        Allowed = "0 (one attempt) or more, -1 for endless attempts, null for waitTimeout alone",
        Meaning = "null: `waitTimeout` alone rules; -1 endless; N: N + 1 attempts. Both set: the first to end wins.",
        Misnomers = ["retries", "attempts", "maxAttempts", "retryMax"],
        Get = static o => o.RetryCount, Set = static (o, value) => o with { RetryCount = (int?)value },
    };

    public static Setting<LockOptions> RetryDelay { get; } = Time(
        "retryDelay", static o => o.RetryDelay, static (o, value) => o with { RetryDelay = value },
        "Pause between attempts where nothing better is known; with `retryCount` their spacing.") with
    {
        Least = 0, Aliases = ["attemptDelay", "retryTimeMillis"], Default = "200",
        Misnomers = ["interval", "retryInterval", "backoff", "sleep"],
    };

    public static Setting<LockOptions> RetryJitter { get; } = Time(
        "retryJitter", static o => o.RetryJitter, static (o, value) => o with { RetryJitter = value }, "Uniform in ± jitter, floor 0.") with
    {
        Least = 0, Default = "100", Misnomers = ["jitter"],
    };

    public static Setting<LockOptions> Wait { get; } = new()
    {
        Name = "wait", Place = SettingPlace.LockOptions, Kind = SettingKind.Choice, Choices = ["auto", "notify", "poll"],
        Default = "`auto`",
        Allowed = "\"auto\", \"notify\" or \"poll\"",
        Meaning = "How a waiter learns that the lock is free. In memory and at the broker it is always told.",
        Get = static o => o.Wait switch { null => null, WaitMode.Auto => "auto", WaitMode.Notify => "notify", _ => "poll" },
        Set = static (o, value) => o with
        {
            Wait = value switch { "auto" => WaitMode.Auto, "notify" => WaitMode.Notify, _ => WaitMode.Poll },
        },
    };

    public static Setting<LockOptions> PollInterval { get; } = Time(
        "pollInterval", static o => o.PollInterval, static (o, value) => o with { PollInterval = value },
        "Safety net while waiting for a notice.") with
    {
        Default = "5000",
    };

    public static Setting<LockOptions> DriftFactor { get; } = new()
    {
        Name = "driftFactor", Place = SettingPlace.LockOptions, Kind = SettingKind.Number, Least = 0, Most = 0.5, Default = "0.01",
        Allowed = "0 to 0.5",
        Meaning = "Part of the ttl allowed for clocks that run at different rates, 0 to 0.5, plus 2 ms. In memory there is one clock.",
        Misnomers = ["drift", "clockDrift", "clockDriftFactor"],
        Get = static o => o.DriftFactor, Set = static (o, value) => o with { DriftFactor = (double?)value },
    };

    public static Setting<LockOptions> LostMargin { get; } = Time(
        "lostMargin", static o => o.LostMargin, static (o, value) => o with { LostMargin = value },
        "A loss is announced this long before the backend may grant to another; below the ttl; where it is shorter than the allowance for "
        + "drift (`driftFactor` of the ttl and 2 ms), that counts. `Remaining` is what is left until the announcement.") with
    {
        Least = 0, Default = "the allowance for drift; in memory, where none is needed, 0",
    };

    public static Setting<LockOptions> Owner { get; } = new()
    {
        Name = "owner", Place = SettingPlace.LockOptions, Kind = SettingKind.Text, AllowsNull = true, Default = "`host/pid`",
        Allowed = "a text of at most 256 bytes of UTF-8", Meaning = "Shown to people, at most 256 bytes.",
        Get = static o => o.Owner, Set = static (o, value) => o with { Owner = (string?)value },
    };

    public static Setting<LockOptions> KeepOnDisconnect { get; } = Flag(
        "keepOnDisconnect", static o => o.KeepOnDisconnect, static (o, value) => o with { KeepOnDisconnect = value },
        "Keep a holder's locks when its connection closes, until the ttl.") with
    {
        Aliases = ["keepLocksOnExit", "keepLocksAfterDeath"], Default = "`false`",
    };

    public static Setting<LockOptions> ReleaseTimeout { get; } = Time(
        "releaseTimeout", static o => o.ReleaseTimeout, static (o, value) => o with { ReleaseTimeout = value },
        "Limit of an unlock with its retries.") with
    {
        Aliases = ["unlockRequestTimeout"], Default = "8000",
    };

    /// <summary>All of them, in the order of the documentation.</summary>
    public static IReadOnlyList<Setting<LockOptions>> All { get; } =
    [
        Ttl, AutoRenew, RenewInterval, MaxHold, WaitTimeout, RetryCount, RetryDelay, RetryJitter, Wait, PollInterval, DriftFactor,
        LostMargin,
        Owner, KeepOnDisconnect, ReleaseTimeout,
    ];

    private static Setting<LockOptions> Time(
        string name, Func<LockOptions, TimeSpan?> get, Func<LockOptions, TimeSpan?, LockOptions> set, string meaning) =>
        Providers.Settings.Time(name, get, set, meaning) with { Place = SettingPlace.LockOptions, Most = s_longest };

    private static Setting<LockOptions> Flag(
        string name, Func<LockOptions, bool?> get, Func<LockOptions, bool?, LockOptions> set, string meaning) =>
        Providers.Settings.Flag(name, get, set, meaning) with { Place = SettingPlace.LockOptions, AllowsNull = false };
}
