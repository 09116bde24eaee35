using Locking.Providers;

namespace Locking;

/// <summary>Reads settings by name with the rows of a table.</summary>
internal static class SettingsReader
{
    /// <summary>The values under the rows' usual names.</summary>
    /// <exception cref="LockConfigException">A setting is unknown, bad, or said twice, differently.</exception>
    public static LockSettings Read(ISettingsTable table, LockSettings? settings, SettingPlace place, string path)
    {
        var read = new LockSettings();
        var nodes = new Dictionary<string, ConfigNode>(StringComparer.Ordinal);
        foreach ((string name, object? value) in settings ?? [])
        {
            ConfigNode node = value as ConfigNode ?? SettingNodes.Of(value, ConfigNode.Join(path, name));
            Setting row = Find(table, name, place) ?? throw Unknown(table, node, name, place);
            object? parsed = SettingParser.Parse(row, node);
            if (nodes.TryGetValue(row.Name, out ConfigNode? before) && !Same(read[row.Name], parsed))
                throw ConfigErrors.Twice(before, node, row);
            nodes[row.Name] = node;
            read[row.Name] = parsed;
        }

        return read;
    }

    /// <summary>The row that has a name, or null.</summary>
    public static Setting? Find(ISettingsTable table, string name, SettingPlace place) =>
        table.Rows.FirstOrDefault(row => row.Place == place && row.IsCalled(name));

    /// <summary>Of the ways to say one thing, one may be used.</summary>
    /// <exception cref="LockConfigException">Two are.</exception>
    public static void CheckAlternatives(ISettingsTable table, LockSettings? settings, string path)
    {
        List<string> said = table.Alternatives
            .Where(ways => settings is not null && ways.Any(way => Says(table, settings, way)))
            .Select(static ways => string.Join(" and ", ways))
            .ToList();
        if (said.Count > 1)
        {
            throw new LockConfigException(
                path, $"says where the server is more than once: by {string.Join(", by ", said)}. Keep one of them.");
        }
    }

    private static bool Says(ISettingsTable table, LockSettings settings, string name) =>
        table.Rows.First(row => row.Name == name).Names.Any(known => settings[known] is not null);

    private static LockConfigException Unknown(ISettingsTable table, ConfigNode node, string name, SettingPlace place)
    {
        List<Setting> rows = table.Rows.Where(row => row.Place == place).ToList();
        return ConfigErrors.Unknown(node.Path, name, rows.SelectMany(static row => row.Names), Meant(rows, name));
    }

    /// <summary>The setting that people mean by a name that nothing has, or null.</summary>
    public static string? Meant(IEnumerable<Setting> rows, string name) =>
        rows.FirstOrDefault(row => row.Misnomers.Contains(name, StringComparer.OrdinalIgnoreCase))?.Name;

    private static bool Same(object? one, object? other) =>
        one is IEnumerable<LockSettings> list
            ? other is IEnumerable<LockSettings> second && list.SequenceEqual(second)
            : Equals(one, other);
}
