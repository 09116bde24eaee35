namespace Locking.Conformance.Tests.Time;

public sealed class FakeTimeProviderTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void Both_clocks_advance_together()
    {
        var (stamp, now) = (_time.GetTimestamp(), _time.GetUtcNow());
        _time.Advance(TimeSpan.FromSeconds(3));
        Assert.Equal(TimeSpan.FromSeconds(3), _time.GetElapsedTime(stamp));
        Assert.Equal(now.AddSeconds(3), _time.GetUtcNow());
    }

    [Fact]
    public void Each_clock_advances_alone()
    {
        var (stamp, now) = (_time.GetTimestamp(), _time.GetUtcNow());
        _time.AdvanceWallClock(TimeSpan.FromSeconds(-9));
        Assert.Equal(TimeSpan.Zero, _time.GetElapsedTime(stamp));
        _time.AdvanceMonotonic(TimeSpan.FromSeconds(2));
        Assert.Equal(TimeSpan.FromSeconds(2), _time.GetElapsedTime(stamp));
        Assert.Equal(now.AddSeconds(-9), _time.GetUtcNow());
    }

    [Fact]
    public void Timers_fire_in_due_order_and_see_their_own_time()
    {
        var fired = new List<string>();
        var start = _time.GetTimestamp();
        ITimer Arm(string name, int due, int period = 0) => _time.CreateTimer(
            _ => fired.Add($"{name}@{_time.GetElapsedTime(start).TotalMilliseconds}"),
            null,
            TimeSpan.FromMilliseconds(due),
            TimeSpan.FromMilliseconds(period));
        using var c = Arm("c", 30);
        using var a = Arm("a", 10);
        using var b = Arm("b", 10);
        using var p = Arm("p", 15, 20);
        _time.Advance(TimeSpan.FromMilliseconds(40));
        Assert.Equal(["a@10", "b@10", "p@15", "c@30", "p@35"], fired);
        Assert.Equal(1, _time.ArmedTimers);
        Assert.Equal(TimeSpan.FromMilliseconds(15), _time.NextTimerDueIn);
    }

    [Fact]
    public void A_timer_armed_by_a_callback_fires_in_the_same_advance()
    {
        var fired = 0;
        ITimer? timer = null;
        timer = _time.CreateTimer(
            _ =>
            {
                if (++fired < 3)
                    timer!.Change(TimeSpan.FromSeconds(1), Timeout.InfiniteTimeSpan);
            },
            null,
            TimeSpan.FromSeconds(1),
            Timeout.InfiniteTimeSpan);
        using (timer)
            _time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(3, fired);
    }

    [Fact]
    public void A_disposed_or_stopped_timer_does_not_fire()
    {
        var fired = 0;
        var disposed = _time.CreateTimer(_ => fired++, null, TimeSpan.FromSeconds(1), Timeout.InfiniteTimeSpan);
        using var stopped = _time.CreateTimer(_ => fired++, null, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1));
        disposed.Dispose();
        Assert.True(stopped.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan));
        Assert.False(disposed.Change(TimeSpan.FromSeconds(1), Timeout.InfiniteTimeSpan));
        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(0, fired);
    }

    [Fact]
    public async Task A_timer_that_is_due_at_once_fires_outside_the_call()
    {
        var here = Environment.CurrentManagedThreadId;
        var fired = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        var gate = new Lock();
        ITimer timer;
        lock (gate)
            timer = _time.CreateTimer(_ => { lock (gate) fired.SetResult(true); }, null, TimeSpan.Zero, Timeout.InfiniteTimeSpan);
        Assert.True(await Eventually.DoneAsync(fired.Task, "the callback"));
        await timer.DisposeAsync();
    }

    [Fact]
    public async Task Asynchronous_disposal_waits_for_a_callback_that_runs()
    {
        using var begun = new ManualResetEventSlim();
        using var goOn = new ManualResetEventSlim();
        var timer = _time.CreateTimer(
            _ =>
            {
                begun.Set();
                goOn.Wait(Eventually.Patience);
            },
            null,
            TimeSpan.FromSeconds(1),
            Timeout.InfiniteTimeSpan);
        var advance = Task.Run(() => _time.Advance(TimeSpan.FromSeconds(1)));
        Assert.True(begun.Wait(Eventually.Patience));
        var disposal = timer.DisposeAsync().AsTask();
        Assert.False(disposal.IsCompleted);
        goOn.Set();
        await Eventually.DoneAsync(disposal, "disposal");
        await Eventually.DoneAsync(advance, "advance");
    }

    [Fact]
    public async Task Delays_and_cancellation_sources_of_the_framework_run_on_it()
    {
        var delay = Task.Delay(TimeSpan.FromSeconds(5), _time);
        using var source = new CancellationTokenSource(TimeSpan.FromSeconds(4), _time);
        _time.Advance(TimeSpan.FromSeconds(4));
        Assert.True(source.IsCancellationRequested);
        Assert.False(delay.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(1));
        await Eventually.DoneAsync(delay, "delay");
    }

    [Fact]
    public async Task Advances_of_several_threads_add_up()
    {
        var start = _time.GetTimestamp();
        var fired = 0;
        using var timer = _time.CreateTimer(_ => Interlocked.Increment(ref fired), null, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1));
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() =>
        {
            for (var i = 0; i < 250; i++)
                _time.Advance(TimeSpan.FromSeconds(1));
        })));
        Assert.Equal(TimeSpan.FromSeconds(1000), _time.GetElapsedTime(start));
        Assert.Equal(1000, fired);
    }
}
