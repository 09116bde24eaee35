using Microsoft.Extensions.Time.Testing;

namespace Locking.Conformance;

/// <summary>A <see cref="FakeTimeProvider"/> that tells how many timers are armed, whose wall clock can be set,
/// and which can be suspended.</summary>
/// <remarks><para><see cref="FakeTimeProvider.Advance(TimeSpan)"/> moves both clocks. All timers that an advance makes due see the clock
/// where it ends.</para>
/// <para>A timer that is due at once fires on the thread pool, as a real one does; that of <see cref="FakeTimeProvider"/> fires within the
/// call that arms it, under the gates of its caller.</para></remarks>
public sealed class TestClock : FakeTimeProvider
{
    private readonly Lock _gate = new();
    private readonly HashSet<ArmedTimer> _armed = [];
    private TimeSpan _suspended;
    private TimeSpan _wallClockAhead;

    /// <summary>How many timers are armed now. A test waits for the code under test to arm one before it advances the clock.</summary>
    public int ArmedTimers
    {
        get
        {
            lock (_gate)
                return _armed.Count;
        }
    }

    /// <inheritdoc/>
    public override long GetTimestamp()
    {
        DateTimeOffset now = base.GetUtcNow();
        lock (_gate)
            return (now + _suspended).Ticks;
    }

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow()
    {
        DateTimeOffset now = base.GetUtcNow();
        lock (_gate)
            return now + _suspended + _wallClockAhead;
    }

    /// <inheritdoc/>
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new ArmedTimer(this, callback, state);
        timer.Inner =
            base.CreateTimer(static timer => ((ArmedTimer)timer!).Fire(), timer, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>The machine was suspended: both clocks have moved, and timers have not; they fire as much later.</summary>
    /// <param name="by">Zero or more.</param>
    public void Suspend(TimeSpan by)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(by, TimeSpan.Zero);
        lock (_gate)
            _suspended += by;
    }

    /// <summary>Moves the wall clock alone: a virtual machine was paused, or its clock was set. No timer fires.</summary>
    /// <param name="by">May be negative: the clock was set back.</param>
    public void AdvanceWallClock(TimeSpan by)
    {
        lock (_gate)
            _wallClockAhead += by;
    }

    private sealed class ArmedTimer(TestClock clock, TimerCallback callback, object? state) : ITimer
    {
        private TimeSpan _period;
        private bool _disposed;

        public ITimer Inner { get; set; } = null!;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (clock._gate)
            {
                if (_disposed)
                    return false;
                _period = period;
                if (dueTime == Timeout.InfiniteTimeSpan)
                    clock._armed.Remove(this);
                else
                    clock._armed.Add(this);
            }

            // The clock counts in whole milliseconds.
            if (dueTime < TimeSpan.Zero || dueTime >= TimeSpan.FromMilliseconds(1))
                return Inner.Change(dueTime, period);
            Inner.Change(period > TimeSpan.Zero ? period : Timeout.InfiniteTimeSpan, period);
            ThreadPool.QueueUserWorkItem(static timer => timer.Fire(), this, preferLocal: false);
            return true;
        }

        public void Fire()
        {
            lock (clock._gate)
            {
                if (_period <= TimeSpan.Zero)
                    clock._armed.Remove(this);
            }

            callback(state);
        }

        public void Dispose()
        {
            lock (clock._gate)
            {
                _disposed = true;
                clock._armed.Remove(this);
            }

            Inner.Dispose();
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return Inner.DisposeAsync();
        }
    }
}
