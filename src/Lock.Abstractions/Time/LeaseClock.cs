namespace Locking;

/// <summary>Counts how much of a lease has passed, by the one clock that nobody can set.</summary>
/// <remarks>
/// On the system's time that clock runs on while the machine is suspended (<see cref="SystemClock"/>). What it cannot show is a virtual
/// machine that was paused: the wall clock does, but it also steps. So a step of the wall clock ends no lease, it only makes leases ask
/// (<see cref="AlarmClock"/>).
/// </remarks>
internal sealed class LeaseClock(TimeProvider time)
{
    /// <summary>What an answer of a backend's timer may be off by.</summary>
    private static readonly TimeSpan s_timerPrecision = TimeSpan.FromMilliseconds(2);

    private readonly ClockUnits _units = new(time);

    public TimeProvider Time { get; } = time;

    public long Now => Time.GetTimestamp();

    public TimeSpan ElapsedSince(long start) => Time.GetElapsedTime(start);

    /// <summary>The same for a reading of the clock that serves several ends: each costs some 25 ns.</summary>
    public TimeSpan Elapsed(long start, long now) => Time.GetElapsedTime(start, now);

    /// <summary>A part of the TTL for clocks that run at different rates, and 2 ms for the precision of a backend's timer.</summary>
    /// <remarks>The drift of the Redlock algorithm: https://redis.io/docs/latest/develop/use/patterns/distributed-locks/</remarks>
    public static TimeSpan Drift(TimeSpan ttl, double driftFactor) => (ttl * driftFactor) + s_timerPrecision;

    /// <summary>The timestamp that lies <paramref name="ahead"/> from now.</summary>
    public long TimestampIn(TimeSpan ahead) => Time.GetTimestamp() + ToTimestampTicks(ahead);

    public long ToTimestampTicks(TimeSpan span) => _units.Of(span);
}
