using System.Globalization;

namespace Locking;

/// <summary>Measured durations for people.</summary>
internal static class DurationText
{
    /// <summary>A line of percentiles.</summary>
    public static string Of(Latencies latencies) => latencies.Count == 0
        ? "-"
        : string.Create(CultureInfo.InvariantCulture,
            $"p50 {Of(latencies.Percentile(0.5)),-8}  p90 {Of(latencies.Percentile(0.9)),-8}  p99 {Of(latencies.Percentile(0.99)),-8}  "
            + $"max {Of(latencies.Longest),-8}  {latencies.Count:N0} times");

    /// <summary>A duration with two or three digits that count: <c>31 µs</c>, <c>4.2 ms</c>, <c>1.5 s</c>.</summary>
    public static string Of(TimeSpan span) => span.TotalMilliseconds switch
    {
        < 1 => string.Create(CultureInfo.InvariantCulture, $"{span.TotalMicroseconds:0} µs"),
        < 100 => string.Create(CultureInfo.InvariantCulture, $"{span.TotalMilliseconds:0.0} ms"),
        < 1000 => string.Create(CultureInfo.InvariantCulture, $"{span.TotalMilliseconds:0} ms"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{span.TotalSeconds:0.0} s"),
    };
}
