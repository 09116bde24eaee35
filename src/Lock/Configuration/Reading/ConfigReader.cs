namespace Locking;

/// <summary>Turns nodes into a <see cref="LockConfig"/>: what is said and nothing else; presets and defaults come later.</summary>
internal static class ConfigReader
{
    /// <summary>Reads a whole configuration.</summary>
    /// <exception cref="LockConfigException">A setting is unknown, of the wrong type or out of range.</exception>
    public static LockConfig Read(ConfigNode root)
    {
        var top = AsObject(root, "a configuration is an object such as {\"type\": \"redis\", \"connection\": {\"host\": \"127.0.0.1\"}}");
        foreach (var member in top.Members)
        {
            if (IsCalled(member, TopSettings.LockConfig))
                return ReadWrapper(top, member.Value);
        }

        return ReadTop(top);
    }

    /// <summary>The wrapper <c>{"namespace": …, "lockConfig": {…}}</c>. The outer namespace wins.</summary>
    private static LockConfig ReadWrapper(ObjectNode wrapper, ConfigNode inner)
    {
        var outer = new SettingReader<LockConfig>();
        foreach (var member in wrapper.Members)
        {
            if (IsCalled(member, TopSettings.LockConfig))
                continue;
            if (!TopSettings.Namespace.IsCalled(member.Name))
            {
                throw new LockConfigException(
                    member.Value.Path,
                    $"cannot stand beside {TopSettings.LockConfig}, where only {TopSettings.Namespace.Name} can. Move it into {TopSettings.LockConfig}.");
            }

            outer.Take(TopSettings.Namespace, member.Value);
        }

        var config = ReadTop(AsObject(inner, "an object such as {\"type\": \"inMemory\"}"));
        return config with { Namespace = outer.ApplyTo(new LockConfig()).Namespace ?? config.Namespace };
    }

    private static LockConfig ReadTop(ObjectNode top)
    {
        var single = new SettingReader<LockConfig>();
        var options = new OptionReader();
        LockConnection? connection = null;
        foreach (var member in top.Members)
        {
            if (Find(TopSettings.All, member) is { } setting)
                single.Take(setting, member.Value);
            else if (Find(WaitingAliases.AtTop, member) is { } waiting)
                options.TakeAtTop(waiting, member.Value);
            else if (IsCalled(member, TopSettings.Connection))
                connection = ReadConnection(member.Value, isEndpoint: false);
            else if (IsCalled(member, TopSettings.LockOptions))
                options.TakeAll(member.Value);
            else
                {
                var elsewhere = Elsewhere(member.Name, top.Path, TopSettings.LockOptions, TopSettings.Connection);
                throw Unknown(member, TopNames(), elsewhere ?? CommonNames.Meant("", top.Path, member.Name));
            }
        }

        var config = single.ApplyTo(new LockConfig());
        return config with { Connection = connection, LockOptions = options.Finish(config.Preset) };
    }

    private static LockConnection? ReadConnection(ConfigNode node, bool isEndpoint)
    {
        if (node is ScalarNode scalar && SettingValues.IsNull(scalar))
            return null;
        var said = new SettingReader<LockConnection>();
        IReadOnlyList<LockConnection>? endpoints = null;
        foreach (var member in AsObject(node, "an object such as {\"host\": \"127.0.0.1\", \"port\": 6379}").Members)
        {
            if (Find(ConnectionSettings.All, member) is { } setting)
            {
                said.Take(setting, member.Value);
            }
            else if (IsCalled(member, ConnectionSettings.Endpoints))
            {
                if (isEndpoint)
                    throw new LockConfigException(member.Value.Path, "An endpoint cannot hold endpoints itself.");
                endpoints = ReadEndpoints(member.Value);
            }
            else
            {
                var names = ConnectionSettings.All.SelectMany(static setting => setting.Names).Append(ConnectionSettings.Endpoints);
                var elsewhere = isEndpoint ? null : Elsewhere(member.Name, Parent(node.Path), TopSettings.LockOptions);
                throw Unknown(member, names, elsewhere ?? CommonNames.Meant(TopSettings.Connection, isEndpoint ? null : Parent(node.Path), member.Name));
            }
        }

        return said.ApplyTo(new LockConnection()) with { Endpoints = endpoints };
    }

    private static List<LockConnection>? ReadEndpoints(ConfigNode node)
    {
        if (node is ScalarNode scalar && SettingValues.IsNull(scalar))
            return null;
        if (node is not ArrayNode { Items.Count: > 0 } list)
            throw ConfigErrors.Bad(node, isSecret: true, "is not a value for this setting", ConnectionSettings.EndpointsAllowed);
        return list.Items
            .Select(static item => ReadConnection(item, isEndpoint: true)
                ?? throw ConfigErrors.Bad(item, isSecret: true, "is not an endpoint", "an object such as {\"host\": \"10.0.0.1\"}"))
            .ToList();
    }

    /// <summary>A whole configuration, connection or options given as something else may hold secrets: it is not shown.</summary>
    public static ObjectNode AsObject(ConfigNode node, string allowed) =>
        node as ObjectNode ?? throw ConfigErrors.Bad(node, isSecret: true, "is not a value for this setting", allowed);

    public static Setting<TOwner>? Find<TOwner>(IReadOnlyList<Setting<TOwner>> settings, ConfigMember member) =>
        settings.FirstOrDefault(setting => setting.IsCalled(member.Name));

    /// <summary>A name that nothing has. Its value is not shown: it may be a secret under a misspelt name.</summary>
    public static LockConfigException Unknown(ConfigMember member, IEnumerable<string> names, string? elsewhere)
    {
        var all = names.ToList();
        var suggestion = (elsewhere ?? ConfigErrors.Nearest(member.Name, all)) is { } meant ? $" Did you mean {meant}?" : "";
        return new LockConfigException(member.Value.Path, $"There is no such setting.{suggestion} Allowed here: {string.Join(", ", all)}.");
    }

    /// <summary>Where a name belongs that stands in the wrong object, or null.</summary>
    public static string? Elsewhere(string name, string topPath, params ReadOnlySpan<string> objects)
    {
        foreach (var place in objects)
        {
            var here = place switch
            {
                TopSettings.LockOptions => OptionReader.Names,
                TopSettings.Connection => ConnectionSettings.All.SelectMany(static setting => setting.Names).Append(ConnectionSettings.Endpoints),
                _ => [],
            };
            if (here.FirstOrDefault(known => string.Equals(known, name, StringComparison.OrdinalIgnoreCase)) is { } found)
                return ConfigNode.Join(ConfigNode.Join(topPath, place), found);
        }

        return null;
    }

    public static string Parent(string path) => path.LastIndexOf('.') is >= 0 and var dot ? path[..dot] : "";

    private static IEnumerable<string> TopNames() =>
        TopSettings.All.Select(static setting => setting.Name)
            .Concat([TopSettings.Connection, TopSettings.LockOptions])
            .Concat(WaitingAliases.AtTop.Select(static setting => setting.Name))
            .Append(TopSettings.LockConfig);

    private static bool IsCalled(ConfigMember member, string name) => string.Equals(member.Name, name, StringComparison.OrdinalIgnoreCase);
}
