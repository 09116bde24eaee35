namespace Locking;

/// <summary>The units of a clock's timestamps: spans in them and back.</summary>
internal readonly struct ClockUnits
{
    private readonly long _perTick;
    private readonly double _perTickExactly;

    public ClockUnits(TimeProvider time)
    {
        long frequency = time.TimestampFrequency;
        _perTick = frequency % TimeSpan.TicksPerSecond == 0 ? frequency / TimeSpan.TicksPerSecond : 0;
        _perTickExactly = (double)frequency / TimeSpan.TicksPerSecond;
    }

    /// <summary>A span, rounded up where a unit is longer than a tick: what is counted in it is never over too early.</summary>
    public long Of(TimeSpan span) => _perTick > 0 ? span.Ticks * _perTick : (long)Math.Ceiling(span.Ticks * _perTickExactly);

    public TimeSpan ToSpan(long units) => new(_perTick > 0 ? units / _perTick : (long)(units / _perTickExactly));
}
