using System.Globalization;

namespace Locking;

/// <summary>Turns values that were given in code into nodes, so that one set of rules judges all.</summary>
internal static class SettingNodes
{
    public static ConfigNode Of(object? value, string path) => value switch
    {
        null => new ScalarNode(path, ScalarKind.Null, "", IsUntyped: false),
        ConfigNode node => node,
        bool flag => new ScalarNode(path, flag ? ScalarKind.True : ScalarKind.False, "", IsUntyped: false),
        string text => new ScalarNode(path, ScalarKind.Text, text, IsUntyped: false),
        TimeSpan span => new ScalarNode(path, ScalarKind.Number, Ms(span), IsUntyped: false) { Span = span },
        LockSettings settings => new ObjectNode(
            path, [.. settings.Select(one => new ConfigMember(one.Key, Of(one.Value, ConfigNode.Join(path, one.Key))))]),
        IEnumerable<object?> list => new ArrayNode(path, [.. list.Select((one, index) => Of(one, $"{path}[{index}]"))]),
        IFormattable number and (sbyte or byte or short or ushort or int or uint or long or ulong or float or double or decimal) =>
            new ScalarNode(path, ScalarKind.Number, number.ToString(null, CultureInfo.InvariantCulture), IsUntyped: false),
        _ => throw new LockConfigException(
            path,
            $"a {value.GetType().Name} is no setting. Allowed: a text, a number, true or false, a TimeSpan, null, {nameof(LockSettings)}, "
            + "or a list of them."),
    };

    private static string Ms(TimeSpan span) =>
        span == Timeout.InfiniteTimeSpan ? "-1" : span.TotalMilliseconds.ToString("0.####", CultureInfo.InvariantCulture);
}
