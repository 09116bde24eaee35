namespace Locking;

/// <summary>The single settings at the top of a configuration.</summary>
internal static class TopSettings
{
    public static Setting<LockConfig> Type { get; } = Providers.Settings.Text<LockConfig>(
        "type", static config => config.Type, static (config, value) => config with { Type = value }, "The backend, in any case.") with
    {
        Allowed = "the type of a known provider", Default = "needed", Misnomers = ["backend", "provider", "driver", "store", "kind"],
    };

    public static Setting<LockConfig> Namespace { get; } = Providers.Settings.Text<LockConfig>(
        "namespace",
        static config => config.Namespace,
        static (config, value) => config with { Namespace = value is { Length: > 0 } ? value : null },
        "What `LockNsAsync` puts before a key, with a colon.") with
    {
        Kind = SettingKind.TextOrEmpty, Allowed = "a text", Default = "none", Misnomers = ["ns", "app", "application", "prefix"],
    };

    public static Setting<LockConfig> Preset { get; } = Providers.Settings.Choice<LockConfig>(
        "preset", Presets.Names, static config => config.Preset, static (config, value) => config with { Preset = value },
        "The defaults of a known system, see below.") with
    {
        Allowed = string.Join(", ", Presets.Names), Default = "none",
    };

    public static IReadOnlyList<Setting<LockConfig>> All { get; } = [Type, Namespace, Preset];

    /// <summary>What other products call the objects at the top.</summary>
    public static string? MeantObject(string name) => name.ToUpperInvariant() switch
    {
        "CONN" or "SERVER" => ConfigNames.Connection,
        "OPTIONS" or "LOCK" or "LOCKS" or "SETTINGS" => ConfigNames.LockOptions,
        _ => null,
    };
}
