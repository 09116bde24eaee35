namespace Locking;

/// <summary>The single settings at the top of a configuration.</summary>
internal static class TopSettings
{
    /// <summary>The objects that stand beside them.</summary>
    public const string Connection = "connection";
    public const string LockOptions = "lockOptions";

    /// <summary>The object that wraps a whole configuration.</summary>
    public const string LockConfig = "lockConfig";

    public static Setting<LockConfig> Type { get; } = new()
    {
        Name = "type",
        Allowed = $"{string.Join(", ", BackendTypes.All)}, or the type of a registered provider",
        Parse = SettingValues.Text,
        Set = static (config, value) => config with { Type = value is string type ? BackendTypes.Canonical(type) : null },
        Get = static config => config.Type,
    };

    public static Setting<LockConfig> Namespace { get; } = new()
    {
        Name = "namespace",
        Allowed = "a text",
        Parse = SettingValues.TextOrEmpty,
        Set = static (config, value) => config with { Namespace = value is string { Length: > 0 } text ? text : null },
        Get = static config => config.Namespace,
    };

    public static Setting<LockConfig> Preset { get; } = new()
    {
        Name = "preset",
        Allowed = string.Join(", ", Presets.Names),
        Parse = Presets.TryParse,
        Set = static (config, value) => config with { Preset = (string?)value },
        Get = static config => config.Preset,
    };

    public static IReadOnlyList<Setting<LockConfig>> All { get; } = [Type, Namespace, Preset];
}
