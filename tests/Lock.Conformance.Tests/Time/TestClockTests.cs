namespace Locking.Conformance.Tests.Time;

public sealed class TestClockTests
{
    private readonly TestClock _time = new();

    [Fact]
    public void Each_clock_advances_alone()
    {
        (long stamp, DateTimeOffset now) = (_time.GetTimestamp(), _time.GetUtcNow());
        _time.AdvanceWallClock(TimeSpan.FromSeconds(-9));
        Assert.Equal(TimeSpan.Zero, _time.GetElapsedTime(stamp));
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(TimeSpan.FromSeconds(2), _time.GetElapsedTime(stamp));
        Assert.Equal(now.AddSeconds(-7), _time.GetUtcNow());
    }

    [Fact]
    public void A_suspended_machine_keeps_time_and_fires_nothing()
    {
        int fired = 0;
        (long stamp, DateTimeOffset now) = (_time.GetTimestamp(), _time.GetUtcNow());
        using ITimer timer = _time.CreateTimer(_ => fired++, null, TimeSpan.FromSeconds(1), Timeout.InfiniteTimeSpan);
        _time.Suspend(TimeSpan.FromSeconds(9));
        Assert.Equal((TimeSpan.FromSeconds(9), now.AddSeconds(9), 0), (_time.GetElapsedTime(stamp), _time.GetUtcNow(), fired));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal((TimeSpan.FromSeconds(10), 1), (_time.GetElapsedTime(stamp), fired));
    }

    [Fact]
    public void Armed_timers_are_counted_until_they_have_fired_for_the_last_time()
    {
        using ITimer once = _time.CreateTimer(_ => { }, null, TimeSpan.FromSeconds(1), Timeout.InfiniteTimeSpan);
        using ITimer often = _time.CreateTimer(_ => { }, null, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1));
        ITimer idle = _time.CreateTimer(_ => { }, null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        Assert.Equal(2, _time.ArmedTimers);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(1, _time.ArmedTimers);
        Assert.True(idle.Change(TimeSpan.FromSeconds(1), Timeout.InfiniteTimeSpan));
        Assert.True(often.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan));
        Assert.Equal(1, _time.ArmedTimers);
        idle.Dispose();
        Assert.Equal(0, _time.ArmedTimers);
        Assert.False(idle.Change(TimeSpan.FromSeconds(1), Timeout.InfiniteTimeSpan));
        Assert.Equal(0, _time.ArmedTimers);
    }

    [Fact]
    public void A_timer_armed_again_by_its_callback_counts()
    {
        ITimer? timer = null;
        timer = _time.CreateTimer(
            _ => timer!.Change(TimeSpan.FromSeconds(1), Timeout.InfiniteTimeSpan), null, TimeSpan.FromSeconds(1), Timeout.InfiniteTimeSpan);
        using (timer)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            Assert.Equal(1, _time.ArmedTimers);
        }
    }

    [Fact]
    public async Task A_timer_that_is_due_at_once_fires_outside_the_call_that_arms_it()
    {
        var fired = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var gate = new Lock();
        ITimer timer;
        lock (gate)
        {
            timer = _time.CreateTimer(
                _ =>
                {
                    Assert.False(gate.IsHeldByCurrentThread);
                    lock (gate)
                        fired.SetResult();
                },
                null,
                TimeSpan.Zero,
                Timeout.InfiniteTimeSpan);
        }

        await Eventually.DoneAsync(fired.Task, "the callback");
        Assert.Equal(0, _time.ArmedTimers);
        await timer.DisposeAsync();
    }
}
