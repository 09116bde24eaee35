namespace Locking;

/// <summary>Spans as timers take them.</summary>
internal static class TimerSpan
{
    /// <summary>Timers count to 49.7 days; whoever waits longer looks at the clock in between.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromDays(30);

    /// <summary>The span in whole milliseconds, rounded up (a timer drops the rest, and would ring too early), and not beyond what
    /// a timer can count.</summary>
    public static TimeSpan For(TimeSpan span)
    {
        if (span == Timeout.InfiniteTimeSpan || span <= TimeSpan.Zero)
            return span;
        return span >= Longest ? Longest : TimeSpan.FromMilliseconds(Math.Ceiling(span.TotalMilliseconds));
    }
}
