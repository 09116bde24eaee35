namespace Locking;

/// <summary>Makes of what a configuration says what a provider gets: preset applied, type spelt as usual, settings checked against the
/// backend.</summary>
internal static class ConfigResolver
{
    /// <summary>Resolves what is said into what a provider gets.</summary>
    /// <exception cref="LockConfigException">A setting does not suit the backend, or contradicts another.</exception>
    public static ResolvedConfig Resolve(LockConfig said, KnownProviders known)
    {
        LockConfig config = ApplyPreset(said, known);
        ILockProvider provider = known.Get(config.Type ?? throw WithoutType(config, known));
        var settings = new BackendSettings(known, provider, "");
        config = settings.OfBackend(settings.Normalize(config)) with
        {
            Type = provider.Type, LockOptions = config.LockOptions ?? new LockOptions(),
        };
        OptionConsistency.Check(config.LockOptions);
        return new ResolvedConfig(config, provider, settings.Ignored);
    }

    /// <summary>Writes the preset's settings out where the configuration says nothing itself. The preset's name stays, and applying it
    /// again changes nothing.</summary>
    /// <exception cref="LockConfigException">The preset is unknown.</exception>
    public static LockConfig ApplyPreset(LockConfig said, KnownProviders known)
    {
        string? given = string.IsNullOrEmpty(said.Type) ? null : said.Type;
        if (string.IsNullOrEmpty(said.Preset))
            return said with { Type = known.Find(given)?.Type ?? given };
        string preset = Presets.Canonical(said.Preset) ?? throw UnknownPreset(said.Preset);
        string? type = given ?? Presets.TypeOf(preset);
        ILockProvider? provider = known.Find(type);
        type = provider?.Type ?? type;
        return said with
        {
            Type = type,
            Preset = preset,
            LockOptions = Merge(said.LockOptions ?? new LockOptions(), Presets.OptionsOf(preset, type ?? "")),
            Connection = WithConnection(said.Connection, Presets.ConnectionOf(preset, type ?? "")),
            StoreOptions = Merge(said.StoreOptions, Presets.StoreOptionsOf(preset), provider),
        };
    }

    private static LockOptions Merge(LockOptions said, LockOptions preset)
    {
        // The wait of a configuration replaces the preset's as a whole: of a wait and a number of attempts the first to end wins, so a
        // preset's single attempt would make a longer wait beside it void.
        if (said.WaitTimeout is not null || said.RetryCount is not null)
            preset = preset with { WaitTimeout = null, RetryCount = null };
        LockOptions merged = said;
        foreach (Setting<LockOptions> setting in OptionSettings.All)
        {
            if (setting.Get(said) is null && setting.Get(preset) is { } value)
                merged = setting.Set(merged, value);
        }

        return merged;
    }

    /// <summary>What a preset says of one backend counts on those that have the setting, and the value.</summary>
    private static LockSettings? Merge(LockSettings? said, LockSettings preset, ILockProvider? provider)
    {
        LockSettings merged = said?.Copy() ?? [];
        foreach ((string name, object? value) in preset)
        {
            if (provider is not null && SettingsReader.Find(provider.Settings, name, SettingPlace.LockOptions) is { } row
                && !row.Names.Any(merged.Has) && (row.Choices.Count == 0 || row.Choices.Contains(value)))
            {
                merged[row.Name] = value;
            }
        }

        return merged.Count == 0 ? null : merged;
    }

    private static LockSettings? WithConnection(LockSettings? said, LockSettings preset)
    {
        if (preset.Count == 0)
            return said;
        LockSettings merged = said?.Copy() ?? [];
        foreach ((string name, object? value) in preset)
        {
            // A place of one's own takes neither the port nor the table of a preset.
            bool isPlaced = (name == "port" && (merged["path"] ?? merged["udsPath"]) is not null)
                || (name == "isolated" && merged["name"] is not null);
            if (!isPlaced && merged[name] is null)
                merged[name] = value;
        }

        return merged;
    }

    private static LockConfigException WithoutType(LockConfig config, KnownProviders known)
    {
        string preset = config.Preset is null ? "" : $" (the preset {config.Preset} brings none along)";
        return new LockConfigException(
            TopSettings.Type.Name,
            $"No backend is chosen{preset}: nothing is ever locked in memory unless that is asked for. Allowed: "
            + $"{known.Types}, or the type of a registered provider.");
    }

    private static LockConfigException UnknownPreset(string preset)
    {
        string suggestion = ConfigErrors.Nearest(preset, Presets.Names) is { } meant ? $" Did you mean {meant}?" : "";
        return new LockConfigException(
            TopSettings.Preset.Name,
            $"{ConfigErrors.ShowText(preset)} is not a preset.{suggestion} Allowed: {TopSettings.Preset.Allowed}.");
    }
}

/// <summary>A configuration ready for its provider.</summary>
/// <param name="Config">Type, connection and options are never null.</param>
/// <param name="Provider">Who serves it.</param>
/// <param name="Ignored">The paths of settings that this backend has no use for.</param>
internal sealed record ResolvedConfig(LockConfig Config, ILockProvider Provider, IReadOnlyList<string> Ignored);
