using System.Globalization;

namespace Locking;

/// <summary>Rules that take more than one setting to check.</summary>
internal static class OptionConsistency
{
    private static readonly TimeSpan s_defaultTtl = TimeSpan.FromSeconds(30);

    /// <summary>Checks options that are complete.</summary>
    /// <exception cref="LockConfigException">Two settings contradict each other.</exception>
    public static void Check(LockOptions options)
    {
        TimeSpan ttl = options.Ttl ?? s_defaultTtl;
        if (options.RenewInterval is not { } interval || ttl == Timeout.InfiniteTimeSpan || interval <= ttl / 2)
            return;
        throw new LockConfigException(
            ConfigNode.Join(ConfigNames.LockOptions, OptionSettings.RenewInterval.Name),
            $"{Ms(interval)} is out of range. Allowed: 1 to {Ms(ttl / 2)}, half of the ttl of {Ms(ttl)} ms.");
    }

    private static string Ms(TimeSpan span) => span.TotalMilliseconds.ToString("0.###", CultureInfo.InvariantCulture);
}
