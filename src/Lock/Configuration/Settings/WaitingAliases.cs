namespace Locking;

/// <summary>
/// The names for waiting whose meaning depends on where they stand: <c>retry</c> and <c>delay</c> at the top, and live-mutex's
/// <c>maxRetries</c> and <c>lockRequestTimeout</c>, of which dist-lock has the first with another meaning.
/// </summary>
internal static class WaitingAliases
{
    public static Setting<LockOptions> Retry { get; } = new()
    {
        Name = "retry",
        Allowed = "0 (one attempt) or more; any negative number for endless attempts",
        Parse = SettingValues.Attempts,
        Set = OptionSettings.RetryCount.Set,
        Get = OptionSettings.RetryCount.Get,
    };

    public static Setting<LockOptions> Delay { get; } = new()
    {
        Name = "delay",
        Allowed = OptionSettings.RetryDelay.Allowed,
        Parse = SettingValues.Duration,
        Set = OptionSettings.RetryDelay.Set,
        Get = OptionSettings.RetryDelay.Get,
    };

    public static Setting<LockOptions> MaxRetries { get; } = new()
    {
        Name = "maxRetries",
        Aliases = ["lockRetryMax"],
        Allowed = OptionSettings.RetryCount.Allowed,
        Parse = SettingValues.IntegerOrNull,
        Set = OptionSettings.RetryCount.Set,
        Get = OptionSettings.RetryCount.Get,
    };

    public static Setting<LockOptions> LockRequestTimeout { get; } = new()
    {
        Name = "lockRequestTimeout",
        Allowed = OptionSettings.RetryDelay.Allowed,
        Parse = SettingValues.Duration,
        Set = OptionSettings.RetryDelay.Set,
        Get = OptionSettings.RetryDelay.Get,
    };

    /// <summary>Those that stand in <c>lockOptions</c>.</summary>
    public static IReadOnlyList<Setting<LockOptions>> InOptions { get; } = [MaxRetries, LockRequestTimeout];

    /// <summary>Those that stand at the top.</summary>
    public static IReadOnlyList<Setting<LockOptions>> AtTop { get; } = [Retry, Delay];
}
