namespace Locking;

/// <summary>
/// The names for waiting whose meaning depends on where they stand: <c>retry</c> and <c>delay</c> at the top, and live-mutex's
/// <c>maxRetries</c> and <c>lockRequestTimeout</c>, of which dist-lock has the first with another meaning.
/// </summary>
internal static class WaitingAliases
{
    public static Setting<LockOptions> Retry { get; } = OptionSettings.RetryCount with
    {
        Name = "retry", Misnomers = [], Least = double.NegativeInfinity, Default = "",
        Allowed = "0 (one attempt) or more; any negative number for endless attempts",
        Meaning = "`retryCount`; any negative number is endless. Without `retryJitter`, there is none.",
    };

    public static Setting<LockOptions> Delay { get; } = OptionSettings.RetryDelay with
    {
        Name = "delay", Aliases = [], Misnomers = [], Default = "", Meaning = "`retryDelay`, also without jitter.",
    };

    public static Setting<LockOptions> MaxRetries { get; } = OptionSettings.RetryCount with
    {
        Name = "maxRetries", Aliases = ["lockRetryMax"], Misnomers = [],
        Meaning = "`retryCount`; with the preset `live-mutex` its number of requests.",
    };

    public static Setting<LockOptions> LockRequestTimeout { get; } = OptionSettings.RetryDelay with
    {
        Name = "lockRequestTimeout", Aliases = [], Misnomers = [],
        Meaning = "`retryDelay`; with the preset `live-mutex` the time of each request.",
    };

    /// <summary>Those that stand in <c>lockOptions</c>.</summary>
    public static IReadOnlyList<Setting<LockOptions>> InOptions { get; } = [MaxRetries, LockRequestTimeout];

    /// <summary>Those that stand at the top.</summary>
    public static IReadOnlyList<Setting<LockOptions>> AtTop { get; } = [Retry, Delay];
}
