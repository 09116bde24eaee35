using System.Numerics;
using System.Text.Json;

namespace Locking;

/// <summary>Many durations in little memory: counted in classes of at most 1.6 % width, from a nanosecond to hours. Not
/// thread-safe.</summary>
internal sealed class Latencies
{
    private const int ClassBits = 6;
    private const int Classes = 1 << ClassBits;

    private readonly long[] _counts = new long[(64 - ClassBits) * Classes];
    private long _longest;

    public long Count { get; private set; }

    /// <summary>The longest of them, exact.</summary>
    public TimeSpan Longest => Span(_longest);

    public void Add(TimeSpan duration)
    {
        long nanoseconds = Math.Max(0, duration.Ticks * TimeSpan.NanosecondsPerTick);
        _counts[ClassOf(nanoseconds)]++;
        _longest = Math.Max(_longest, nanoseconds);
        Count++;
    }

    public void Add(Latencies others)
    {
        for (int i = 0; i < _counts.Length; i++)
            _counts[i] += others._counts[i];
        _longest = Math.Max(_longest, others._longest);
        Count += others.Count;
    }

    /// <summary>The duration that a share of them does not exceed; zero when there is none.</summary>
    /// <param name="share">0 to 1.</param>
    public TimeSpan Percentile(double share)
    {
        long left = (long)Math.Ceiling(share * Count);
        for (int i = 0; i < _counts.Length; i++)
        {
            left -= _counts[i];
            if (left <= 0 && Count > 0)
                return Span(Math.Min(UpperEnd(i), _longest));
        }

        return TimeSpan.Zero;
    }

    /// <summary>Writes count and percentiles as an object; null when there is none.</summary>
    public void Write(Utf8JsonWriter writer, string name)
    {
        if (Count == 0)
        {
            writer.WriteNull(name);
            return;
        }

        writer.WriteStartObject(name);
        writer.WriteNumber("count", Count);
        writer.WriteNumber("p50", Milliseconds(Percentile(0.5)));
        writer.WriteNumber("p90", Milliseconds(Percentile(0.9)));
        writer.WriteNumber("p99", Milliseconds(Percentile(0.99)));
        writer.WriteNumber("max", Milliseconds(Longest));
        writer.WriteEndObject();
    }

    /// <summary>Milliseconds with three digits after the point.</summary>
    public static double Milliseconds(TimeSpan span) => Math.Round(span.TotalMilliseconds, 3);

    // Below 64 ns a class for each nanosecond; above, 64 classes for each power of two.
    private static int ClassOf(long value)
    {
        if (value < Classes)
            return (int)value;
        int shift = BitOperations.Log2((ulong)value) - ClassBits;
        return ((shift + 1) << ClassBits) + (int)((value >> shift) - Classes);
    }

    private static long UpperEnd(int index)
    {
        int shift = (index >> ClassBits) - 1;
        return shift < 0 ? index : ((long)(index & (Classes - 1)) + Classes + 1 << shift) - 1;
    }

    private static TimeSpan Span(long nanoseconds) => TimeSpan.FromTicks(nanoseconds / TimeSpan.NanosecondsPerTick);
}
