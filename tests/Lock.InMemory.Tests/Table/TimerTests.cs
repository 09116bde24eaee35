namespace Locking.InMemory.Tests.Table;

/// <summary>The timers of the table against a clock that is allowed to do anything.</summary>
public sealed class TimerTests
{
    [Fact]
    public void No_timer_is_set_so_that_it_may_ring_inside_of_the_call_that_sets_it()
    {
        var clock = new HurryingClock();
        using var table = new InMemoryLockTable(clock);
        var locks = new InMemoryLock(new LockOptions { Ttl = TimeSpan.FromMilliseconds(5) },
            context: LockProviderContext.Default with { TimeProvider = clock }, table: table);
        ValueTask<ILockHandle> granted = locks.LockAsync("k");
        Assert.True(granted.IsCompletedSuccessfully);
        Assert.NotEmpty(clock.Dues);
        Assert.All(clock.Dues, static due => Assert.True(due >= TimeSpan.FromMilliseconds(1), $"{due}"));
    }

    /// <summary>Every look at it comes 20 ms after the last one: what is due in 10 ms is over when the timer is set.</summary>
    private sealed class HurryingClock : TimeProvider
    {
        private long _now;

        public List<TimeSpan> Dues { get; } = [];

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _now += TimeSpan.FromMilliseconds(20).Ticks;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            new RecordedTimer(this);

        private sealed class RecordedTimer(HurryingClock clock) : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period)
            {
                if (dueTime != Timeout.InfiniteTimeSpan)
                    clock.Dues.Add(dueTime);
                return true;
            }

            public void Dispose()
            {
            }

            public ValueTask DisposeAsync() => ValueTask.CompletedTask;
        }
    }
}
