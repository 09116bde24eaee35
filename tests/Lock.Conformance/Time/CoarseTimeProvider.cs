namespace Locking.Conformance;

/// <summary>The clock of a machine whose timers count in ticks: they ring at the beginning of a tick, up to one tick early or late.
/// Timestamps are exact, as they are there, too.</summary>
/// <param name="inner">The clock it is made of.</param>
/// <param name="tick">The length of a tick; 10 ms is the longest that systems have.</param>
public sealed class CoarseTimeProvider(TimeProvider inner, TimeSpan tick) : TimeProvider
{
    /// <inheritdoc/>
    public override long TimestampFrequency => inner.TimestampFrequency;

    /// <inheritdoc/>
    public override TimeZoneInfo LocalTimeZone => inner.LocalTimeZone;

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow() => inner.GetUtcNow();

    /// <inheritdoc/>
    public override long GetTimestamp() => inner.GetTimestamp();

    /// <inheritdoc/>
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new CoarseTimer(this, inner.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan));
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>A timer that is set within a tick counts from the beginning of that tick.</summary>
    private TimeSpan AtTick(TimeSpan due)
    {
        if (due <= TimeSpan.Zero || due == Timeout.InfiniteTimeSpan)
            return due;
        long intoTick = inner.SinceZero().Ticks % tick.Ticks;
        long ticks = (due.Ticks + tick.Ticks - 1) / tick.Ticks;
        return new TimeSpan((ticks * tick.Ticks) - intoTick);
    }

    private sealed class CoarseTimer(CoarseTimeProvider time, ITimer timer) : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period) => timer.Change(time.AtTick(dueTime), period);

        public void Dispose() => timer.Dispose();

        public ValueTask DisposeAsync() => timer.DisposeAsync();
    }
}
