using System.Globalization;

namespace Locking;

/// <summary>Rules that take more than one setting to check.</summary>
internal static class OptionConsistency
{
    private static readonly TimeSpan DefaultTtl = TimeSpan.FromSeconds(30);

    /// <summary>Checks options that are complete.</summary>
    /// <exception cref="LockConfigException">Two settings contradict each other, or one contradicts the backend.</exception>
    public static void Check(LockOptions options, string type, LockConnection? connection)
    {
        var ttl = options.Ttl ?? DefaultTtl;
        if (options.RenewInterval is { } interval && ttl != Timeout.InfiniteTimeSpan && interval > ttl / 2)
            throw Bad(OptionSettings.RenewInterval, Ms(interval), $"1 to {Ms(ttl / 2)}, half of the ttl of {Ms(ttl)} ms");
        if (type != BackendTypes.RedLock)
            return;
        if (ttl == Timeout.InfiniteTimeSpan)
        {
            throw new LockConfigException(
                Path(OptionSettings.Ttl),
                "null: a quorum cannot hold a lock without expiry, since a node that restarts would forget it. Allowed for redLock: 1 ms to "
                + "10,000 days; with autoRenew the lock lasts as long as its holder.");
        }

        if (options.Format is not (null or LockFormats.Native or LockFormats.RedLockNet))
            throw Bad(OptionSettings.Format, $"\"{options.Format}\"", $"for redLock \"{LockFormats.Native}\" or \"{LockFormats.RedLockNet}\"");
        var nodes = connection?.Endpoints?.Count ?? 0;
        var majority = (nodes / 2) + 1;
        if (options.Quorum is { } quorum && (quorum < majority || quorum > nodes))
        {
            throw Bad(
                OptionSettings.Quorum,
                quorum.ToString(CultureInfo.InvariantCulture),
                string.Create(CultureInfo.InvariantCulture, $"{majority} to {nodes} with {nodes} endpoints, or null for a majority"));
        }
    }

    private static LockConfigException Bad(Setting<LockOptions> setting, string value, string allowed) =>
        new(Path(setting), $"{value} is out of range. Allowed: {allowed}.");

    private static string Path(Setting<LockOptions> setting) => ConfigNode.Join(TopSettings.LockOptions, setting.Name);

    private static string Ms(TimeSpan span) => span.TotalMilliseconds.ToString("0.###", CultureInfo.InvariantCulture);
}
