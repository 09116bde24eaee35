namespace Locking;

/// <summary>A moment, by both clocks.</summary>
/// <param name="Timestamp">The monotonic clock, in its own ticks.</param>
/// <param name="WallTicks">The wall clock, in ticks of 100 ns.</param>
internal readonly record struct LeaseInstant(long Timestamp, long WallTicks);

/// <summary>Counts how much of a lease has passed.</summary>
/// <remarks>
/// The monotonic clock stands still while the machine is suspended, and the backend's does not: so the wall clock's advance counts as
/// well, and the larger of the two is believed. A wall clock that is set forward costs a lease that was still good; one that is set
/// back changes nothing.
/// </remarks>
internal sealed class LeaseClock(TimeProvider time)
{
    /// <summary>What an answer of a backend's timer may be off by.</summary>
    private static readonly TimeSpan TimerPrecision = TimeSpan.FromMilliseconds(2);

    public TimeProvider Time { get; } = time;

    public LeaseInstant Now => new(Time.GetTimestamp(), Time.GetUtcNow().UtcTicks);

    public TimeSpan ElapsedSince(LeaseInstant start) => Elapsed(start, Now);

    /// <summary>The same for a reading of the clocks that serves several ends: each costs some 25 ns.</summary>
    public TimeSpan Elapsed(LeaseInstant start, LeaseInstant now)
    {
        var monotonic = Time.GetElapsedTime(start.Timestamp, now.Timestamp);
        var wall = TimeSpan.FromTicks(now.WallTicks - start.WallTicks);
        return wall > monotonic ? wall : monotonic;
    }

    /// <summary>A part of the TTL for clocks that run at different rates, and 2 ms for the precision of a backend's timer.</summary>
    /// <remarks>The drift of the Redlock algorithm: https://redis.io/docs/latest/develop/use/patterns/distributed-locks/</remarks>
    public static TimeSpan Drift(TimeSpan ttl, double driftFactor) => (ttl * driftFactor) + TimerPrecision;

    /// <summary>The monotonic timestamp that lies <paramref name="ahead"/> from now.</summary>
    public long TimestampIn(TimeSpan ahead) => Time.GetTimestamp() + ToTimestampTicks(ahead);

    public long ToTimestampTicks(TimeSpan span) => ToTimestampTicks(Time, span);

    public static long ToTimestampTicks(TimeProvider time, TimeSpan span) =>
        (long)(span.Ticks * ((double)time.TimestampFrequency / TimeSpan.TicksPerSecond));
}
