namespace Locking;

/// <summary>Spans as timers take them.</summary>
internal static class TimerSpan
{
    /// <summary>Timers count to 49.7 days; whoever waits longer looks at the clock in between.</summary>
    private static readonly TimeSpan s_longest = TimeSpan.FromDays(30);

    /// <summary>The span in whole milliseconds, rounded up (a timer drops the rest, and would ring too early), and not beyond what
    /// a timer can count. What is over already is zero: a timer drops the rest of a negative span too, and so takes one between -2 and
    /// -1 ms for "never".</summary>
    public static TimeSpan For(TimeSpan span)
    {
        if (span == Timeout.InfiniteTimeSpan)
            return span;
        if (span <= TimeSpan.Zero)
            return TimeSpan.Zero;
        return span >= s_longest ? s_longest : TimeSpan.FromMilliseconds(WholeMilliseconds(span));
    }

    /// <summary>The span in whole milliseconds, rounded up, so that "some" never becomes "none".</summary>
    public static long WholeMilliseconds(TimeSpan span) => (long)Math.Ceiling(span.TotalMilliseconds);
}
