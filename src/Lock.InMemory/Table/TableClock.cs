namespace Locking;

/// <summary>Converts between spans and the units of a clock's timestamps.</summary>
internal sealed class TableClock
{
    private readonly long _unitsPerTick;
    private readonly double _unitsPerTickExactly;

    public TableClock(TimeProvider timeProvider)
    {
        var frequency = timeProvider.TimestampFrequency;
        _unitsPerTick = frequency % TimeSpan.TicksPerSecond == 0 ? frequency / TimeSpan.TicksPerSecond : 0;
        _unitsPerTickExactly = (double)frequency / TimeSpan.TicksPerSecond;
    }

    /// <summary>A lease in units of the timestamp; <see cref="Claim.Never"/> for an infinite one.</summary>
    public long ToUnits(TimeSpan span)
    {
        if (span == Timeout.InfiniteTimeSpan)
            return Claim.Never;
        return _unitsPerTick > 0 ? span.Ticks * _unitsPerTick : (long)Math.Ceiling(span.Ticks * _unitsPerTickExactly);
    }

    public TimeSpan ToSpan(long units) =>
        new(_unitsPerTick > 0 ? units / _unitsPerTick : (long)(units / _unitsPerTickExactly));

    public long DeadlineAfter(long now, TimeSpan span) => span == Timeout.InfiniteTimeSpan ? Claim.Never : now + ToUnits(span);

    /// <summary>The time left; zero when it is over, <see cref="Timeout.InfiniteTimeSpan"/> when it never is.</summary>
    public TimeSpan Until(long deadline, long now)
    {
        if (deadline == Claim.Never)
            return Timeout.InfiniteTimeSpan;
        return deadline <= now ? TimeSpan.Zero : ToSpan(deadline - now);
    }
}
