using System.Globalization;

namespace Locking;

/// <summary>Times as people write them on a command line.</summary>
internal static class SpanText
{
    // Longer ones are refused by the options of the library, with a message of their own.
    private const double LongestMilliseconds = 1e15;

    /// <summary>Reads <c>200ms</c>, <c>30s</c>, <c>1.5m</c>, <c>2h</c>, <c>1d</c>; zero needs no unit.</summary>
    /// <param name="text">The text.</param>
    /// <param name="bareSeconds">Whether a number without a unit is seconds. Otherwise it is nothing: 30 s and 30 ms are too far apart to
    /// guess.</param>
    /// <returns>Null when it is none of them.</returns>
    public static TimeSpan? TryParse(string text, bool bareSeconds = false)
    {
        ReadOnlySpan<char> span = text.AsSpan();
        double unit = 0;
        if (span.EndsWith("ms", StringComparison.Ordinal))
        {
            span = span[..^2];
            unit = 1;
        }
        else if (span.Length > 0 && !char.IsAsciiDigit(span[^1]))
        {
            unit = UnitOf(span[^1]);
            span = span[..^1];
        }
        else if (bareSeconds || !span.ContainsAnyInRange('1', '9'))
        {
            unit = 1000;
        }

        if (unit == 0 || !TryReadNumber(span, out double number))
            return null;
        double milliseconds = number * unit;
        return milliseconds <= LongestMilliseconds ? TimeSpan.FromTicks((long)(milliseconds * TimeSpan.TicksPerMillisecond)) : null;
    }

    /// <summary>Whether it is a time but for its unit.</summary>
    public static bool IsBareNumber(string text) => text.Length > 0 && char.IsAsciiDigit(text[^1]) && TryReadNumber(text, out _);

    /// <summary>A remaining time for people: <c>12.3 s</c>, <c>4 min 10 s</c>.</summary>
    public static string Show(TimeSpan span)
    {
        if (span == Timeout.InfiniteTimeSpan || span == TimeSpan.MaxValue)
            return "never expires";
        if (span.TotalSeconds < 60)
            return string.Create(CultureInfo.InvariantCulture, $"{span.TotalSeconds:0.0} s");
        if (span.TotalHours < 1)
            return string.Create(CultureInfo.InvariantCulture, $"{span.Minutes} min {span.Seconds} s");
        return string.Create(CultureInfo.InvariantCulture, $"{(long)span.TotalHours} h {span.Minutes} min");
    }

    private static bool TryReadNumber(ReadOnlySpan<char> text, out double number) =>
        double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out number);

    private static double UnitOf(char letter) => letter switch
    {
        's' => 1000,
        'm' => 60_000,
        'h' => 3_600_000,
        'd' => 86_400_000,
        _ => 0,
    };
}
