namespace Locking;

/// <summary>Makes of what a configuration says what a provider gets: preset applied, type spelt as usual, settings checked against the
/// backend.</summary>
internal static class ConfigResolver
{
    /// <summary>Resolves what is said into what a provider gets.</summary>
    /// <exception cref="LockConfigException">A setting does not suit the backend, or contradicts another.</exception>
    public static ResolvedConfig Resolve(LockConfig said)
    {
        var config = ApplyPreset(said);
        var type = config.Type ?? throw WithoutType(config);
        var rules = new BackendRules(type);
        rules.CheckConnection(config.Connection);
        rules.CheckOptions(said.LockOptions ?? new LockOptions());
        var options = config.LockOptions ?? new LockOptions();
        OptionConsistency.Check(options, type, config.Connection);
        var resolved = config with
        {
            Type = type,
            Connection = OfBackend(type, config.Connection ?? new LockConnection()),
            LockOptions = options,
        };
        return new ResolvedConfig(resolved, rules.Ignored);
    }

    /// <summary>Writes the preset's settings out where the configuration says nothing itself. The preset's name stays, and applying it
    /// again changes nothing.</summary>
    /// <exception cref="LockConfigException">The preset is unknown.</exception>
    public static LockConfig ApplyPreset(LockConfig said)
    {
        var config = said with { Type = string.IsNullOrEmpty(said.Type) ? null : BackendTypes.Canonical(said.Type) };
        if (string.IsNullOrEmpty(said.Preset))
            return config;
        var preset = Presets.Canonical(said.Preset) ?? throw UnknownPreset(said.Preset);
        var type = config.Type ?? Presets.TypeOf(preset);
        var effective = type ?? "";
        return config with
        {
            Type = type,
            Preset = preset,
            LockOptions = Merge(config.LockOptions ?? new LockOptions(), Presets.OptionsOf(preset, effective), effective),
            Connection = Merge(config.Connection, Presets.ConnectionOf(preset, effective)),
        };
    }

    private static LockOptions Merge(LockOptions said, LockOptions preset, string type)
    {
        // The wait of a configuration replaces the preset's as a whole: of a wait and a number of attempts the first to end wins, so a
        // preset's single attempt would make a longer wait beside it void.
        if (said.WaitTimeout is not null || said.RetryCount is not null)
            preset = preset with { WaitTimeout = null, RetryCount = null };
        var merged = said;
        foreach (var setting in OptionSettings.All)
        {
            if (setting.Get(said) is null && setting.Get(preset) is { } value && BackendRules.Has(setting.Backends, type))
                merged = setting.Set(merged, value);
        }

        return merged;
    }

    private static LockConnection? Merge(LockConnection? said, LockConnection? preset)
    {
        if (preset is null)
            return said;
        var connection = said ?? new LockConnection();
        return connection with
        {
            Port = connection.Port ?? (connection.Path is null ? preset.Port : null),
            NoDelay = connection.NoDelay ?? preset.NoDelay,
            Isolated = connection.Isolated ?? (connection.Name is null ? preset.Isolated : null),
        };
    }

    /// <summary>What this backend reads of a connection: a configuration that moves into memory leaves its server behind.</summary>
    private static LockConnection OfBackend(string type, LockConnection connection) => type == BackendTypes.InMemory
        ? new LockConnection { Name = connection.Name, Isolated = connection.Isolated }
        : connection;

    private static LockConfigException WithoutType(LockConfig config)
    {
        var preset = config.Preset is null ? "" : $" (the preset {config.Preset} brings none along)";
        return new LockConfigException(
            TopSettings.Type.Name,
            $"No backend is chosen{preset}: nothing is ever locked in memory unless that is asked for. Allowed: {TopSettings.Type.Allowed}.");
    }

    private static LockConfigException UnknownPreset(string preset)
    {
        var suggestion = ConfigErrors.Nearest(preset, Presets.Names) is { } meant ? $" Did you mean {meant}?" : "";
        return new LockConfigException(
            TopSettings.Preset.Name,
            $"{ConfigErrors.ShowText(preset)} is not a preset.{suggestion} Allowed: {TopSettings.Preset.Allowed}.");
    }
}

/// <summary>A configuration ready for its provider.</summary>
/// <param name="Config">Type, connection and options are never null.</param>
/// <param name="Ignored">The paths of settings that this backend has no use for.</param>
internal sealed record ResolvedConfig(LockConfig Config, IReadOnlyList<string> Ignored);
