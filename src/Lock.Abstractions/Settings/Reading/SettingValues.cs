using System.Buffers;
using System.Globalization;
using Locking.Providers;

namespace Locking;

/// <summary>The types that settings have.</summary>
internal static class SettingValues
{
    private static readonly (string Unit, long Milliseconds)[] s_units =
        [("ms", 1), ("s", 1_000), ("m", 60_000), ("min", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

    private static readonly SearchValues<char> s_numberCharacters = SearchValues.Create("0123456789.+-");

    /// <summary>A time that must be there.</summary>
    public static bool Duration(ScalarNode node, out object? value)
    {
        bool known = TryMilliseconds(node, out TimeSpan span);
        value = span;
        return known;
    }

    /// <summary>A time, or null for none.</summary>
    public static bool DurationOrNull(ScalarNode node, out object? value)
    {
        value = Timeout.InfiniteTimeSpan;
        if (IsNull(node))
            return true;
        bool known = TryMilliseconds(node, out TimeSpan span);
        value = span;

        // -1 ms is what the options take for infinite: only a setting that lists -1 lets it through.
        return known && span != Timeout.InfiniteTimeSpan;
    }

    /// <summary>A time, or null or -1 for never or for ever.</summary>
    public static bool DurationOrInfinite(ScalarNode node, out object? value)
    {
        value = Timeout.InfiniteTimeSpan;
        if (IsNull(node))
            return true;
        bool known = TryMilliseconds(node, out TimeSpan span);
        value = span;
        return known;
    }

    /// <summary>A whole number that must be there.</summary>
    public static bool Integer(ScalarNode node, out object? value)
    {
        value = null;
        if (!TryDecimal(node, out decimal number) || number != decimal.Truncate(number) || number is < int.MinValue or > int.MaxValue)
            return false;
        value = (int)number;
        return true;
    }

    /// <summary>A number that must be there.</summary>
    public static bool Number(ScalarNode node, out object? value)
    {
        bool known = TryDecimal(node, out decimal number);
        value = (double)number;
        return known;
    }

    /// <summary>True or false.</summary>
    public static bool Flag(ScalarNode node, out object? value)
    {
        value = node.Kind == ScalarKind.True;
        if (node.Kind is ScalarKind.True or ScalarKind.False)
            return true;
        if (!node.IsUntyped || !bool.TryParse(node.Text, out bool flag))
            return false;
        value = flag;
        return true;
    }

    /// <summary>A text, or null for "not set". An empty one is refused, but from a source of strings alone it is "not set".</summary>
    public static bool Text(ScalarNode node, out object? value)
    {
        value = null;
        if (IsNull(node))
            return true;
        if (node.Kind != ScalarKind.Text || string.IsNullOrWhiteSpace(node.Text))
            return false;
        value = node.Text;
        return true;
    }

    /// <summary>A text or a whole number, kept as a text; or null for "not set".</summary>
    public static bool TextOrNumber(ScalarNode node, out object? value)
    {
        if (node.Kind != ScalarKind.Number)
            return Text(node, out value);
        bool known = Integer(node, out value);
        value = known ? node.Text : null;
        return known;
    }

    /// <summary>A text that may be empty, or null for "not set".</summary>
    public static bool TextOrEmpty(ScalarNode node, out object? value)
    {
        value = node.Kind == ScalarKind.Text ? node.Text : null;
        return node.Kind is ScalarKind.Text or ScalarKind.Null;
    }

    /// <summary>One of some words, in its usual spelling.</summary>
    public static bool Choice(ScalarNode node, IReadOnlyList<string> choices, out object? value)
    {
        value = node.Kind == ScalarKind.Text
            ? choices.FirstOrDefault(choice => string.Equals(choice, node.Text, StringComparison.OrdinalIgnoreCase))
            : null;
        return value is not null;
    }

    /// <summary>What is wrong with a value of a wrong kind.</summary>
    public static string Problem(Setting setting, ConfigNode node) =>
        setting.Kind is SettingKind.Time or SettingKind.TimeOrNone or SettingKind.TimeOrEndless
        && node is ScalarNode { Kind: ScalarKind.Text, IsUntyped: false, Text: var text }
        && TryDecimal(text.AsSpan().Trim(), out _)
            ? "is a text without a unit: write milliseconds as a number, or name the unit"
            : "is not a value for this setting";

    /// <summary>Null as it stands, and its forms where everything is a string.</summary>
    public static bool IsNull(ScalarNode node) =>
        node.Kind == ScalarKind.Null
        || (node is { IsUntyped: true, Kind: ScalarKind.Text } && (node.Text.Length == 0 || node.Text is "null"));

    private static bool TryMilliseconds(ScalarNode node, out TimeSpan span)
    {
        if (node.Span is { } given)
        {
            span = given;
            return true;
        }

        span = default;
        if (!TryDecimal(node, out decimal milliseconds))
        {
            if (node.Kind != ScalarKind.Text || !TryWithUnit(node.Text, out milliseconds))
                return false;
        }

        if (milliseconds != decimal.Truncate(milliseconds))
            return false;

        // Beyond the longest allowed the exact value does not matter: the range check of the option refuses it.
        decimal longest = (decimal)OptionRules.Longest.TotalMilliseconds + 1;
        span = TimeSpan.FromMilliseconds((long)Math.Clamp(milliseconds, -longest, longest));
        return true;
    }

    private static bool TryWithUnit(string text, out decimal milliseconds)
    {
        milliseconds = 0;
        ReadOnlySpan<char> trimmed = text.AsSpan().Trim();
        int digits = trimmed.IndexOfAnyExcept(s_numberCharacters);
        if (digits <= 0)
            return false;
        ReadOnlySpan<char> unit = trimmed[digits..].Trim();
        foreach ((string name, long size) in s_units)
        {
            if (!unit.Equals(name, StringComparison.OrdinalIgnoreCase) || !TryDecimal(trimmed[..digits], out decimal count))
                continue;
            milliseconds = Math.Clamp(count, -1e15m, 1e15m) * size;
            return true;
        }

        return false;
    }

    private static bool TryDecimal(ScalarNode node, out decimal number)
    {
        number = 0;
        return (node.Kind == ScalarKind.Number || node is { IsUntyped: true, Kind: ScalarKind.Text }) && TryDecimal(node.Text, out number);
    }

    private static bool TryDecimal(ReadOnlySpan<char> text, out decimal number)
    {
        if (decimal.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out number))
            return true;

        // A number too large for a decimal is a number still, and out of every range.
        if (!double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double large) || double.IsNaN(large))
            return false;
        number = large > 0 ? decimal.MaxValue : decimal.MinValue;
        return Math.Abs(large) > 1;
    }
}
