namespace Locking;

/// <summary>Turns nodes into a <see cref="LockConfig"/>: what is said and nothing else; presets and defaults come later.</summary>
internal static class ConfigReader
{
    /// <summary>Reads a whole configuration.</summary>
    /// <exception cref="LockConfigException">A setting is unknown, of the wrong type or out of range.</exception>
    public static LockConfig Read(ConfigNode root, KnownProviders known)
    {
        ObjectNode top = AsObject(
            root, "a configuration is an object such as {\"type\": \"redis\", \"connection\": {\"host\": \"127.0.0.1\"}}");
        foreach (ConfigMember member in top.Members)
        {
            if (IsCalled(member, ConfigNames.LockConfig))
                return ReadWrapper(top, member.Value, known);
        }

        return ReadTop(top, known);
    }

    /// <summary>A whole configuration, connection or options given as something else may hold secrets: it is not shown.</summary>
    public static ObjectNode AsObject(ConfigNode node, string allowed) =>
        node as ObjectNode ?? throw ConfigErrors.Bad(node, isSecret: true, "is not a value for this setting", allowed);

    public static Setting<TOwner>? Find<TOwner>(IReadOnlyList<Setting<TOwner>> settings, ConfigMember member) =>
        settings.FirstOrDefault(setting => setting.IsCalled(member.Name));

    /// <summary>The wrapper <c>{"namespace": …, "lockConfig": {…}}</c>. The outer namespace wins.</summary>
    private static LockConfig ReadWrapper(ObjectNode wrapper, ConfigNode inner, KnownProviders known)
    {
        var outer = new SettingReader<LockConfig>();
        foreach (ConfigMember member in wrapper.Members)
        {
            if (IsCalled(member, ConfigNames.LockConfig))
                continue;
            if (!TopSettings.Namespace.IsCalled(member.Name))
            {
                throw new LockConfigException(
                    member.Value.Path,
                    $"cannot stand beside {ConfigNames.LockConfig}, where only {TopSettings.Namespace.Name} can. Move it into "
                    + $"{ConfigNames.LockConfig}.");
            }

            outer.Take(TopSettings.Namespace, member.Value);
        }

        LockConfig config = ReadTop(AsObject(inner, "an object such as {\"type\": \"inMemory\"}"), known);
        return config with { Namespace = outer.ApplyTo(new LockConfig()).Namespace ?? config.Namespace };
    }

    private static LockConfig ReadTop(ObjectNode top, KnownProviders known)
    {
        var single = new SettingReader<LockConfig>();
        var options = new OptionReader();
        Setting<LockConfig> typeHere = TopSettings.Type with { Allowed = $"{known.Types}, or the type of a registered provider" };
        LockSettings? connection = null;
        foreach (ConfigMember member in top.Members)
        {
            if (TopSettings.Type.IsCalled(member.Name))
                single.Take(TopSettings.Type, member.Value, typeHere);
            else if (Find(TopSettings.All, member) is { } setting)
                single.Take(setting, member.Value);
            else if (Find(WaitingAliases.AtTop, member) is { } waiting)
                options.TakeAtTop(waiting, member.Value);
            else if (IsCalled(member, ConfigNames.Connection))
                connection = ReadConnection(member.Value);
            else if (IsCalled(member, ConfigNames.LockOptions))
                options.TakeAll(member.Value);
            else
                throw Unknown(member, top.Path, known);
        }

        LockConfig config = single.ApplyTo(new LockConfig());
        string? type = config.Type ?? (config.Preset is null ? null : Presets.TypeOf(config.Preset));
        ILockProvider? own = known.Find(type);
        config = config with
        {
            Type = known.Find(config.Type)?.Type ?? config.Type,
            Connection = connection,
            LockOptions = options.Finish(config.Preset),
            StoreOptions = options.OfBackend,
        };

        // Whoever serves a type that nobody here knows judges its settings: that is when the lock is created.
        return type is not null && own is null ? config : new BackendSettings(known, own, top.Path).Normalize(config);
    }

    private static LockSettings? ReadConnection(ConfigNode node)
    {
        if (node is ScalarNode scalar && SettingValues.IsNull(scalar))
            return null;
        var connection = new LockSettings();
        foreach (ConfigMember member in AsObject(node, "an object such as {\"host\": \"127.0.0.1\", \"port\": 6379}").Members)
            connection[member.Name] = member.Value;
        return connection;
    }

    private static LockConfigException Unknown(ConfigMember member, string topPath, KnownProviders known)
    {
        List<Setting> rows = known.All.SelectMany(static provider => provider.Settings.Rows).ToList();
        List<Setting> options =
        [
            .. OptionSettings.All, .. WaitingAliases.InOptions, .. rows.Where(static row => row.Place == SettingPlace.LockOptions),
        ];
        List<Setting> connection = rows.Where(static row => row.Place == SettingPlace.Connection).ToList();
        string? meant = At(options, ConfigNames.LockOptions, static (row, name) => row.IsCalled(name))
            ?? At(connection, ConfigNames.Connection, static (row, name) => row.IsCalled(name))
            ?? SettingsReader.Meant(TopSettings.All, member.Name)
            ?? TopSettings.MeantObject(member.Name)
            ?? (known.Find(member.Name) is null ? null : ConfigNames.Connection)
            ?? At(connection, ConfigNames.Connection, IsMeant)
            ?? At(options, ConfigNames.LockOptions, IsMeant);
        return ConfigErrors.Unknown(member.Value.Path, member.Name, TopNames(), meant);

        string? At(IEnumerable<Setting> of, string place, Func<Setting, string, bool> fits) =>
            of.FirstOrDefault(row => fits(row, member.Name)) is { } found
                ? ConfigNode.Join(ConfigNode.Join(topPath, place), found.IsCalled(member.Name) ? NameOf(found) : found.Name)
                : null;

        string NameOf(Setting row) => row.Names.First(name => string.Equals(name, member.Name, StringComparison.OrdinalIgnoreCase));
    }

    private static bool IsMeant(Setting row, string name) => row.Misnomers.Contains(name, StringComparer.OrdinalIgnoreCase);

    private static IEnumerable<string> TopNames() =>
        TopSettings.All.Select(static setting => setting.Name)
            .Concat([ConfigNames.Connection, ConfigNames.LockOptions])
            .Concat(WaitingAliases.AtTop.Select(static setting => setting.Name))
            .Append(ConfigNames.LockConfig);

    private static bool IsCalled(ConfigMember member, string name) => string.Equals(member.Name, name, StringComparison.OrdinalIgnoreCase);
}
