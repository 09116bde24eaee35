using Locking.Providers;

namespace Locking;

/// <summary>Turns a node into the value of a setting.</summary>
internal static class SettingParser
{
    /// <summary>Reads a value; null where the setting takes null for "not set".</summary>
    /// <exception cref="LockConfigException">The value is of a wrong kind or out of range.</exception>
    public static object? Parse(Setting setting, ConfigNode node)
    {
        if (setting.Kind == SettingKind.List)
            return ParseList(setting, node);
        if (node is not ScalarNode scalar || !TryParse(setting, scalar, out object? value))
            throw ConfigErrors.Bad(node, setting.IsSecret, SettingValues.Problem(setting, node), setting.Allowed);
        if (value is null)
            return null;
        if (!IsInRange(setting, value))
            throw ConfigErrors.Bad(node, setting.IsSecret, "is out of range", setting.Allowed);
        setting.Check?.Invoke(value, node.Path);
        return value;
    }

    private static bool TryParse(Setting setting, ScalarNode node, out object? value)
    {
        value = null;
        if (setting.AllowsNull && SettingValues.IsNull(node))
            return setting.Kind != SettingKind.TextOrEmpty || node.Kind == ScalarKind.Null || SettingValues.TextOrEmpty(node, out value);
        return setting.Kind switch
        {
            SettingKind.Text => SettingValues.Text(node, out value),
            SettingKind.TextOrEmpty => SettingValues.TextOrEmpty(node, out value),
            SettingKind.TextOrNumber => SettingValues.TextOrNumber(node, out value),
            SettingKind.Choice => SettingValues.Choice(node, setting.Choices, out value),
            SettingKind.Flag => SettingValues.Flag(node, out value),
            SettingKind.WholeNumber => SettingValues.Integer(node, out value),
            SettingKind.Number => SettingValues.Number(node, out value),
            SettingKind.Time => SettingValues.Duration(node, out value),
            SettingKind.TimeOrNone => SettingValues.DurationOrNull(node, out value),
            _ => SettingValues.DurationOrInfinite(node, out value),
        };
    }

    private static bool IsInRange(Setting setting, object value) => value switch
    {
        int number => number >= setting.Least && number <= setting.Most,
        double number => number >= setting.Least && number <= setting.Most,
        TimeSpan span when span == Timeout.InfiniteTimeSpan => setting.Kind is SettingKind.TimeOrNone or SettingKind.TimeOrEndless,
        TimeSpan span => span.TotalMilliseconds >= setting.Least && span.TotalMilliseconds <= setting.Most,
        _ => true,
    };

    private static List<LockSettings>? ParseList(Setting setting, ConfigNode node)
    {
        if (node is ScalarNode scalar && SettingValues.IsNull(scalar))
            return null;
        if (node is not ArrayNode { Items.Count: > 0 } list)
            throw ConfigErrors.Bad(node, isSecret: true, "is not a value for this setting", setting.Allowed);
        return list.Items.Select(item => ParseItem(setting, item)).ToList();
    }

    private static LockSettings ParseItem(Setting setting, ConfigNode item)
    {
        if (item is not ObjectNode { Members: var members })
            throw ConfigErrors.Bad(item, isSecret: true, "is not a value for this setting", "an object such as {\"host\": \"10.0.0.1\"}");
        var raw = new LockSettings();
        foreach (ConfigMember member in members)
            raw[member.Name] = member.Value;
        LockSettings read = SettingsReader.Read(setting.Items!, raw, SettingPlace.Connection, item.Path);
        SettingsReader.CheckAlternatives(setting.Items!, read, item.Path);
        return read;
    }
}
