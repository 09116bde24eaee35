namespace Locking;

/// <summary>What is unsafe about a configuration, whatever its backend.</summary>
internal static class ConfigurationCheck
{
    private static readonly TimeSpan s_default = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_shortest = TimeSpan.FromSeconds(1);

    /// <summary>The names of the settings that are never shown, of all backends.</summary>
    private static readonly HashSet<string> s_secrets = BuiltInProvidersExtensions.Providers
        .SelectMany(static provider => provider.Settings.Rows)
        .Where(static row => row.IsSecret)
        .Select(static row => row.Name)
        .ToHashSet(StringComparer.OrdinalIgnoreCase);

    /// <summary>Looks at a configuration in the light of what the backend has shown.</summary>
    public static List<StoreFinding> Of(Configured configured, ProbeResult result)
    {
        var findings = new List<StoreFinding>();
        TimeSpan ttl = configured.Config.LockOptions?.Ttl ?? s_default;
        TimeSpan slow = result.Cycle.Percentile(0.99);
        if (ttl == Timeout.InfiniteTimeSpan)
        {
            findings.Add(
                new StoreFinding("no-ttl", true, "lockOptions.ttl is null: a lock whose holder dies is never free again by itself, only "
                + "by 'lock release KEY --force'. Give it a ttl; it is renewed while the holder lives."));
        }
        else if (slow * 10 > ttl)
        {
            findings.Add(
                new StoreFinding("ttl-too-short", true, $"lockOptions.ttl is {DurationText.Of(ttl)}, and a request can take a tenth of "
                + $"that or more here (lock and unlock: p99 {DurationText.Of(slow)}): leases may run out before they are "
                + "renewed. Use a longer ttl."));
        }

        if (ttl > TimeSpan.Zero && ttl < s_shortest)
        {
            findings.Add(
                new StoreFinding("ttl-below-1s", true, $"lockOptions.ttl is {DurationText.Of(ttl)}. A number in the configuration is "
                + "milliseconds: were seconds meant? Write the unit, as in \"30s\"."));
        }

        if (SecretFile(configured) is { } file)
        {
            findings.Add(
                new StoreFinding("readable-secret", true, $"The configuration in '{file}' holds a secret, and other users may read "
                + "that file. Close it: chmod 600."));
        }

        return findings;
    }

    /// <summary>The configuration's file, when it holds a secret and others may read it.</summary>
    private static string? SecretFile(Configured configured)
    {
        if (OperatingSystem.IsWindows() || configured.Text?.TrimStart() is not { } text || !text.StartsWith('@'))
            return null;
        const UnixFileMode others = UnixFileMode.GroupRead | UnixFileMode.OtherRead;
        string file = text[1..].Trim();
        return HasSecret(configured.Config.Connection) && File.Exists(file)
            && (File.GetUnixFileMode(file) & others) != UnixFileMode.None ? file : null;
    }

    /// <summary>Whether a setting that is never shown is there; an address is one only with credentials in it.</summary>
    private static bool HasSecret(LockSettings? settings) => settings is not null && settings.Any(static one =>
        one.Value is IEnumerable<LockSettings> list ? list.Any(HasSecret)
        : one.Value is string text && s_secrets.Contains(one.Key)
            && (!text.Contains("://", StringComparison.Ordinal) || text.Contains('@', StringComparison.Ordinal)));
}
