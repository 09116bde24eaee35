namespace Locking;

/// <summary>A table's clock: converts between spans and the units of its timestamps, and paces the timers and the slow sweep by
/// it.</summary>
internal sealed class TableClock
{
    private static readonly TimeSpan s_shortestSweep = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan s_longestSweep = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_longestTimer = TimeSpan.FromDays(1);
    private static readonly TimeSpan s_oneMillisecond = TimeSpan.FromMilliseconds(1);

    private readonly ClockUnits _units;

    public TableClock(TimeProvider time)
    {
        Time = time;
        _units = new ClockUnits(time);
        LongestSweepPace = ToUnits(s_longestSweep) * 3;
        YouthUnits = ToUnits(s_shortestSweep);
    }

    public TimeProvider Time { get; }

    public long Now => Time.GetTimestamp();

    /// <summary>The slowest pace: for long leases, and for those that never expire but are looked at all the same.</summary>
    public long LongestSweepPace { get; }

    /// <summary>A holder older than this is not young any more.</summary>
    public long YouthUnits { get; }

    /// <summary>A lease in units of the timestamp; <see cref="Claim.Never"/> for an infinite one.</summary>
    public long ToUnits(TimeSpan span) => span == Timeout.InfiniteTimeSpan ? Claim.Never : _units.Of(span);

    public TimeSpan ToSpan(long units) => _units.ToSpan(units);

    public long DeadlineAfter(long now, TimeSpan span) => span == Timeout.InfiniteTimeSpan ? Claim.Never : now + ToUnits(span);

    /// <summary>The time left; zero when it is over, <see cref="Timeout.InfiniteTimeSpan"/> when it never is.</summary>
    public TimeSpan Until(long deadline, long now)
    {
        if (deadline == Claim.Never)
            return Timeout.InfiniteTimeSpan;
        return deadline <= now ? TimeSpan.Zero : ToSpan(deadline - now);
    }

    /// <summary>Time between sweeps for leases of this length: a third, within limits, and never so often that sweeping becomes
    /// work.</summary>
    public long SweepPeriod(long ttl, int keys)
    {
        long period = Math.Clamp(ttl / 3, ToUnits(s_shortestSweep), ToUnits(s_longestSweep));
        return Math.Max(period, ToUnits(TimeSpan.FromMicroseconds(keys)));
    }

    /// <summary>Time until a timestamp for a timer: rounded up to its milliseconds, and not beyond what timers can do. At least one, so
    /// that no clock rings inside of the call that sets its timer, where a gate is held.</summary>
    public TimeSpan TimerDue(long at)
    {
        TimeSpan due = Until(at, Now);
        return due >= s_longestTimer ? s_longestTimer : due <= s_oneMillisecond ? s_oneMillisecond : TimerSpan.For(due);
    }
}
