using static Locking.BackendTypes;

namespace Locking;

/// <summary>The settings of <c>lockOptions</c>.</summary>
internal static class OptionSettings
{
    private const string Ms = "milliseconds, or a text such as \"200ms\", \"30s\", \"5m\" or \"1h\"";

    public static Setting<LockOptions> Ttl { get; } = new()
    {
        Name = "ttl",
        Aliases = ["timeoutMillis"],
        Allowed = $"1 to 10,000 days in {Ms}; null or -1 for a lock that never expires",
        Parse = SettingValues.DurationOrInfinite,
        Set = static (options, value) => options with { Ttl = (TimeSpan?)value },
        Get = static options => options.Ttl,
    };

    public static Setting<LockOptions> AutoRenew { get; } = new()
    {
        Name = "autoRenew",
        Allowed = "true or false",
        Parse = SettingValues.Flag,
        Set = static (options, value) => options with { AutoRenew = (bool?)value },
        Get = static options => options.AutoRenew,
    };

    public static Setting<LockOptions> RenewInterval { get; } = new()
    {
        Name = "renewInterval",
        Allowed = $"1 to half the ttl, in {Ms}",
        Parse = SettingValues.Duration,
        Set = static (options, value) => options with { RenewInterval = (TimeSpan?)value },
        Get = static options => options.RenewInterval,
    };

    public static Setting<LockOptions> MaxHold { get; } = new()
    {
        Name = "maxHold",
        Allowed = $"1 to 10,000 days in {Ms}; null for no limit",
        Parse = SettingValues.DurationOrNull,
        Set = static (options, value) => options with { MaxHold = (TimeSpan?)value },
        Get = static options => options.MaxHold,
    };

    public static Setting<LockOptions> WaitTimeout { get; } = new()
    {
        Name = "waitTimeout",
        Aliases = ["timeout", "failAfterMillis"],
        Allowed = $"0 (one attempt) to 10,000 days in {Ms}; null or -1 to wait for ever",
        Parse = SettingValues.DurationOrInfinite,
        Set = static (options, value) => options with { WaitTimeout = (TimeSpan?)value },
        Get = static options => options.WaitTimeout,
    };

    public static Setting<LockOptions> RetryCount { get; } = new()
    {
        Name = "retryCount",
        Allowed = "0 (one attempt) or more, -1 for endless attempts, null for waitTimeout alone",
        Parse = SettingValues.IntegerOrNull,
        Set = static (options, value) => options with { RetryCount = (int?)value },
        Get = static options => options.RetryCount,
    };

    public static Setting<LockOptions> RetryDelay { get; } = new()
    {
        Name = "retryDelay",
        Aliases = ["attemptDelay", "retryTimeMillis"],
        Allowed = $"0 to 10,000 days in {Ms}",
        Parse = SettingValues.Duration,
        Set = static (options, value) => options with { RetryDelay = (TimeSpan?)value },
        Get = static options => options.RetryDelay,
    };

    public static Setting<LockOptions> RetryJitter { get; } = new()
    {
        Name = "retryJitter",
        Allowed = $"0 to 10,000 days in {Ms}",
        Parse = SettingValues.Duration,
        Set = static (options, value) => options with { RetryJitter = (TimeSpan?)value },
        Get = static options => options.RetryJitter,
    };

    public static Setting<LockOptions> Wait { get; } = new()
    {
        Name = "wait",
        Allowed = "\"auto\", \"notify\" or \"poll\"",
        Backends = [Redis, RedLock, Mongo],
        Parse = SettingValues.Wait,
        Set = static (options, value) => options with { Wait = (WaitMode?)value },
        Get = static options => options.Wait,
    };

    public static Setting<LockOptions> PollInterval { get; } = new()
    {
        Name = "pollInterval",
        Allowed = $"1 to 10,000 days in {Ms}",
        Backends = [Redis, RedLock, Mongo],
        Parse = SettingValues.Duration,
        Set = static (options, value) => options with { PollInterval = (TimeSpan?)value },
        Get = static options => options.PollInterval,
    };

    public static Setting<LockOptions> Fair { get; } = new()
    {
        Name = "fair",
        Allowed = "true or false",
        Backends = [InMemory, Broker, Redis],
        Parse = SettingValues.Flag,
        Set = static (options, value) => options with { Fair = (bool?)value },
        Get = static options => options.Fair,
    };

    public static Setting<LockOptions> DriftFactor { get; } = new()
    {
        Name = "driftFactor",
        Allowed = "a number from 0 to 0.5",
        Backends = [Redis, RedLock, Mongo],
        Parse = SettingValues.Number,
        Set = static (options, value) => options with { DriftFactor = (double?)value },
        Get = static options => options.DriftFactor,
    };

    public static Setting<LockOptions> LostMargin { get; } = new()
    {
        Name = "lostMargin",
        Allowed = $"0 to 10,000 days in {Ms}, and below the ttl",
        Parse = SettingValues.Duration,
        Set = static (options, value) => options with { LostMargin = (TimeSpan?)value },
        Get = static options => options.LostMargin,
    };

    public static Setting<LockOptions> NodeTimeout { get; } = new()
    {
        Name = "nodeTimeout",
        Allowed = $"1 to 10,000 days in {Ms}",
        Backends = [RedLock],
        Parse = SettingValues.Duration,
        Set = static (options, value) => options with { NodeTimeout = (TimeSpan?)value },
        Get = static options => options.NodeTimeout,
    };

    public static Setting<LockOptions> Quorum { get; } = new()
    {
        Name = "quorum",
        Allowed = "a majority of the endpoints up to all of them, or null for a majority",
        Backends = [RedLock],
        Parse = SettingValues.IntegerOrNull,
        Set = static (options, value) => options with { Quorum = (int?)value },
        Get = static options => options.Quorum,
    };

    public static Setting<LockOptions> FenceRetention { get; } = new()
    {
        Name = "fenceRetention",
        Allowed = $"0 to 10,000 days in {Ms}",
        Backends = [Redis, RedLock, Mongo],
        Parse = SettingValues.Duration,
        Set = static (options, value) => options with { FenceRetention = (TimeSpan?)value },
        Get = static options => options.FenceRetention,
    };

    public static Setting<LockOptions> Replicas { get; } = new()
    {
        Name = "replicas",
        Allowed = "0 or more",
        Backends = [Redis],
        Parse = SettingValues.Integer,
        Set = static (options, value) => options with { Replicas = (int?)value },
        Get = static options => options.Replicas,
    };

    public static Setting<LockOptions> ReplicaTimeout { get; } = new()
    {
        Name = "replicaTimeout",
        Allowed = $"1 to 10,000 days in {Ms}",
        Backends = [Redis],
        Parse = SettingValues.Duration,
        Set = static (options, value) => options with { ReplicaTimeout = (TimeSpan?)value },
        Get = static options => options.ReplicaTimeout,
    };

    public static Setting<LockOptions> Owner { get; } = new()
    {
        Name = "owner",
        Allowed = "a text of at most 256 bytes of UTF-8",
        Parse = SettingValues.Text,
        Set = static (options, value) => options with { Owner = (string?)value },
        Get = static options => options.Owner,
    };

    public static Setting<LockOptions> KeepOnDisconnect { get; } = new()
    {
        Name = "keepOnDisconnect",
        Aliases = ["keepLocksOnExit"],
        Allowed = "true or false",
        Parse = SettingValues.Flag,
        Set = static (options, value) => options with { KeepOnDisconnect = (bool?)value },
        Get = static options => options.KeepOnDisconnect,
    };

    public static Setting<LockOptions> ReleaseTimeout { get; } = new()
    {
        Name = "releaseTimeout",
        Allowed = $"1 to 10,000 days in {Ms}",
        Parse = SettingValues.Duration,
        Set = static (options, value) => options with { ReleaseTimeout = (TimeSpan?)value },
        Get = static options => options.ReleaseTimeout,
    };

    public static Setting<LockOptions> Format { get; } = new()
    {
        Name = "format",
        Allowed = string.Join(", ", LockFormats.All.Select(static format => $"\"{format}\"")),
        Backends = [Redis, RedLock],
        Parse = SettingValues.Text,
        Set = static (options, value) => options with { Format = (string?)value },
        Get = static options => options.Format,
    };

    public static Setting<LockOptions> KeyPrefix { get; } = new()
    {
        Name = "keyPrefix",
        Allowed = "a text, which may be empty",
        Backends = [Redis, RedLock, Mongo],
        Parse = SettingValues.TextOrEmpty,
        Set = static (options, value) => options with { KeyPrefix = (string?)value },
        Get = static options => options.KeyPrefix,
    };

    /// <summary>All of them, in the order of the documentation.</summary>
    public static IReadOnlyList<Setting<LockOptions>> All { get; } =
    [
        Ttl, AutoRenew, RenewInterval, MaxHold, WaitTimeout, RetryCount, RetryDelay, RetryJitter, Wait, PollInterval, Fair, DriftFactor,
        LostMargin, NodeTimeout, Quorum, FenceRetention, Replicas, ReplicaTimeout, Owner, KeepOnDisconnect, ReleaseTimeout, Format, KeyPrefix,
    ];
}
