namespace Locking;

/// <summary>The units of a clock's timestamps: spans in them and back.</summary>
internal readonly struct ClockUnits
{
    private readonly long _perTick;
    private readonly long _frequency;

    public ClockUnits(TimeProvider time)
    {
        _frequency = time.TimestampFrequency;
        _perTick = _frequency % TimeSpan.TicksPerSecond == 0 ? _frequency / TimeSpan.TicksPerSecond : 0;
    }

    /// <summary>A span, rounded up where a unit is longer than a tick: what is counted in it is never over too early.</summary>
    public long Of(TimeSpan span) =>
        _perTick > 0 ? span.Ticks * _perTick : (long)Math.Ceiling(span.Ticks * ((double)_frequency / TimeSpan.TicksPerSecond));

    /// <summary>A span in ticks, exactly, also where the units are those since the machine was started.</summary>
    public TimeSpan ToSpan(long units) =>
        new(_perTick > 0 ? units / _perTick : (long)((Int128)units * TimeSpan.TicksPerSecond / _frequency));
}
