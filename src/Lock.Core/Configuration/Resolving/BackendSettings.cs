namespace Locking;

/// <summary>
/// What a backend makes of settings. Those that it has are read by its own table. Of those that others have, one that only tunes is
/// ignored, and named in the log, so that a configuration can move to another backend by its type and connection alone; one that asks for
/// something this backend cannot give is refused. A name that nobody has is an error.
/// </summary>
internal sealed class BackendSettings(KnownProviders known, ILockProvider? own, string topPath)
{
    private readonly List<string> _ignored = [];

    /// <summary>The paths of the settings that were ignored.</summary>
    public IReadOnlyList<string> Ignored => _ignored;

    /// <summary>Gives every setting its usual name and its value; those of other backends stay.</summary>
    /// <exception cref="LockConfigException">A setting is unknown to all, of a wrong kind or out of range.</exception>
    public LockConfig Normalize(LockConfig config) => config with
    {
        Connection = Normalize(config.Connection, SettingPlace.Connection),
        StoreOptions = Normalize(config.StoreOptions, SettingPlace.LockOptions),
    };

    /// <summary>Takes out what this backend does not have.</summary>
    /// <exception cref="LockConfigException">The backend cannot do what a setting asks for.</exception>
    public LockConfig OfBackend(LockConfig config) => config with
    {
        Connection = OfBackend(config.Connection, SettingPlace.Connection) ?? [],
        StoreOptions = OfBackend(config.StoreOptions, SettingPlace.LockOptions),
    };

    private static string Place(SettingPlace place) => place == SettingPlace.Connection ? ConfigNames.Connection : ConfigNames.LockOptions;

    private LockSettings? Normalize(LockSettings? settings, SettingPlace place)
    {
        if (settings is null)
            return null;
        var read = new LockSettings();
        var nodes = new Dictionary<string, ConfigNode>(StringComparer.Ordinal);
        foreach ((string name, object? value) in settings)
        {
            ConfigNode node = SettingNodes.Of(value, ConfigNode.Join(ConfigNode.Join(topPath, Place(place)), name));
            Setting row = (own is null ? null : SettingsReader.Find(own.Settings, name, place))
                ?? known.Others(own, name, place)?.Row
                ?? throw Unknown(node, name, place);
            object? parsed = SettingParser.Parse(row, node);
            if (nodes.TryGetValue(row.Name, out ConfigNode? before) && !Equals(read[row.Name], parsed))
                throw ConfigErrors.Twice(before, node, row);
            nodes[row.Name] = node;
            if (parsed is not null)
                read[row.Name] = parsed;
        }

        return read.Count == 0 && place == SettingPlace.LockOptions ? null : read;
    }

    private LockSettings? OfBackend(LockSettings? settings, SettingPlace place)
    {
        if (settings is null)
            return null;
        var kept = new LockSettings();
        foreach ((string name, object? value) in settings)
        {
            if (SettingsReader.Find(own!.Settings, name, place) is not null)
                kept[name] = value;
            else if (value is not null)
                Judge(name, value, place);
        }

        return kept.Count == 0 && place == SettingPlace.LockOptions ? null : kept;
    }

    private void Judge(string name, object value, SettingPlace place)
    {
        string path = ConfigNode.Join(Place(place), name);
        (Setting row, IReadOnlyList<string> types) = known.Others(own, name, place)!.Value;
        bool isNeedless = own!.Settings.Needless.Contains(name) || (place == SettingPlace.Connection && own.Settings.IsLocal);
        if (!isNeedless && (place == SettingPlace.Connection || row.Asks?.Invoke(value) == true))
        {
            string hint = own.Settings.Hints.TryGetValue(name, out string? words) ? $" {words}" : "";
            throw new LockConfigException(path, $"{own.Type} does not have this; {string.Join(" or ", types)} has.{hint}");
        }

        if (place == SettingPlace.LockOptions)
            _ignored.Add(path);
    }

    private LockConfigException Unknown(ConfigNode node, string name, SettingPlace place)
    {
        SettingPlace other = place == SettingPlace.Connection ? SettingPlace.LockOptions : SettingPlace.Connection;
        IReadOnlyList<Setting> here = Rows(place);
        IReadOnlyList<Setting> there = Rows(other);
        string elsewhere = ConfigNode.Join(topPath, Place(other));
        string? meant = there.FirstOrDefault(row => row.IsCalled(name)) is { } found
            ? ConfigNode.Join(elsewhere, found.Names.First(one => Same(one, name)))
            : AtTop(name)
            ?? SettingsReader.Meant(here, name)
            ?? (SettingsReader.Meant(there, name) is { } near ? ConfigNode.Join(elsewhere, near) : null);
        return ConfigErrors.Unknown(
            node.Path, name, here.SelectMany(static row => row.Names).Distinct(StringComparer.OrdinalIgnoreCase), meant);
    }

    /// <summary>The names of the top that stand here by mistake, as they are called here.</summary>
    private static string? AtTop(string name) =>
        Same(name, WaitingAliases.Retry.Name) ? OptionSettings.RetryCount.Name
        : Same(name, WaitingAliases.Delay.Name) ? OptionSettings.RetryDelay.Name
        : null;

    private static bool Same(string one, string other) => string.Equals(one, other, StringComparison.OrdinalIgnoreCase);

    /// <summary>The backend's own rows, or those of all where none is chosen; in <c>lockOptions</c> behind the engine's.</summary>
    private IReadOnlyList<Setting> Rows(SettingPlace place)
    {
        IEnumerable<Setting> rows = own is not null ? own.Settings.Rows : known.All.SelectMany(static provider => provider.Settings.Rows);
        rows = rows.Where(row => row.Place == place);
        return [.. place == SettingPlace.LockOptions ? [.. OptionSettings.All, .. WaitingAliases.InOptions, .. rows] : rows];
    }
}
