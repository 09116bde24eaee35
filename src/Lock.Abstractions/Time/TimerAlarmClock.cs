namespace Locking;

/// <summary>The alarm clock of any other <see cref="TimeProvider"/>: alarms ring in that provider's own timer.</summary>
internal sealed class TimerAlarmClock : AlarmClock
{
    private readonly Lock _armGate = new();
    private readonly ITimer _timer;

    public TimerAlarmClock(TimeProvider time)
        : base(time)
    {
        // It lives as long as the provider: nothing of the first caller may stay with it.
        _timer = DetachedFlow.Start(() => time.CreateTimer(
            static self => ((TimerAlarmClock)self!).OnTimer(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan));
    }

    private protected override void LookEarlier() => Arm();

    private void OnTimer()
    {
        RingDue();
        Arm();
    }

    /// <summary>The look at the heap and the change of the timer are one step: otherwise a later moment could overwrite an earlier
    /// one.</summary>
    private void Arm()
    {
        lock (_armGate)
        {
            // At least 1 ms, so that no provider runs the callback inside Change, with gates held.
            if (UntilNext() is { } left)
                _timer.Change(TimeSpan.FromMilliseconds(Math.Max(1, TimerSpan.WholeMilliseconds(left))), Timeout.InfiniteTimeSpan);
        }
    }
}
