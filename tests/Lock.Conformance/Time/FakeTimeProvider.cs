namespace Locking.Conformance;

/// <summary>A clock that stands still until a test moves it. Thread-safe.</summary>
/// <remarks>
/// <para>The monotonic clock and the wall clock go together with <see cref="Advance"/>, or apart: <see cref="AdvanceWallClock"/> is a virtual machine
/// that was paused or a clock that was set, <see cref="AdvanceMonotonic"/> a wall clock that stands or was set back meanwhile, and
/// <see cref="Suspend"/> a machine that was suspended: no timer has fired yet.</para>
/// <para>Timers run on the monotonic clock. An advance fires them on the caller's thread, one after the other in the order they are
/// due (of two due at once, the one armed first), and each callback sees the clock at its own due time. A timer armed with a due time
/// of zero fires on the thread pool at once, as a real one does, never inside the call that armed it.</para>
/// </remarks>
public sealed class FakeTimeProvider : TimeProvider
{
    private readonly Lock _gate = new();
    private readonly List<FakeTimer> _armed = [];
    private TimeSpan _elapsed = TimeSpan.FromDays(1);
    private DateTimeOffset _utcNow;
    private long _lastSequence;

    /// <summary>Creates the clock, standing at 2030-01-01 00:00 UTC.</summary>
    public FakeTimeProvider()
        : this(new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero))
    {
    }

    /// <summary>Creates the clock.</summary>
    /// <param name="start">The wall clock's time.</param>
    public FakeTimeProvider(DateTimeOffset start) => _utcNow = start.ToUniversalTime();

    /// <inheritdoc/>
    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    /// <inheritdoc/>
    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    /// <summary>How many timers are armed now. A test waits for the code under test to arm one before it advances the clock.</summary>
    public int ArmedTimers
    {
        get
        {
            lock (_gate)
                return _armed.Count;
        }
    }

    /// <summary>How long until the next timer is due; null when none is armed.</summary>
    public TimeSpan? NextTimerDueIn
    {
        get
        {
            lock (_gate)
                return NextUnsynchronized() is { } next ? next.Due - _elapsed : null;
        }
    }

    /// <inheritdoc/>
    public override long GetTimestamp()
    {
        lock (_gate)
            return _elapsed.Ticks;
    }

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow()
    {
        lock (_gate)
            return _utcNow;
    }

    /// <inheritdoc/>
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        ArgumentNullException.ThrowIfNull(callback);
        var timer = new FakeTimer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>Moves both clocks, firing the timers that come due.</summary>
    /// <param name="by">Zero or more. Advances made at once by several threads add up.</param>
    public void Advance(TimeSpan by) => Step(by, moveWallClock: true);

    /// <summary>Moves the monotonic clock alone, firing the timers that come due.</summary>
    /// <param name="by">Zero or more.</param>
    public void AdvanceMonotonic(TimeSpan by) => Step(by, moveWallClock: false);

    /// <summary>Moves both clocks, and fires nothing: the timers that have come due fire with the next advance.</summary>
    /// <param name="by">Zero or more.</param>
    public void Suspend(TimeSpan by)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(by, TimeSpan.Zero);
        lock (_gate)
        {
            _elapsed += by;
            _utcNow += by;
        }
    }

    /// <summary>Moves the wall clock alone. No timer fires.</summary>
    /// <param name="by">May be negative: the clock was set back.</param>
    public void AdvanceWallClock(TimeSpan by)
    {
        lock (_gate)
            _utcNow += by;
    }

    /// <summary>Moves both clocks in steps, letting other tasks run after each, until a condition holds.</summary>
    /// <param name="condition">What is waited for; asked before the first step too.</param>
    /// <param name="step">How far the clock moves at once; more than zero.</param>
    /// <param name="atMost">How far the clock moves altogether.</param>
    /// <param name="what">The condition in words, for the message.</param>
    /// <exception cref="Xunit.Sdk.XunitException">The condition does not hold after <paramref name="atMost"/>.</exception>
    public async Task AdvanceUntilAsync(Func<bool> condition, TimeSpan step, TimeSpan atMost, string what)
    {
        ArgumentNullException.ThrowIfNull(condition);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(step, TimeSpan.Zero);
        for (var moved = TimeSpan.Zero; moved < atMost; moved += step)
        {
            await Eventually.SettleAsync().ConfigureAwait(false);
            if (condition())
                return;
            Advance(step);
        }

        await Eventually.TrueAsync(condition, $"{what}, {atMost.TotalMilliseconds} ms of fake time later").ConfigureAwait(false);
    }

    private void Step(TimeSpan left, bool moveWallClock)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(left, TimeSpan.Zero, "by");
        while (true)
        {
            FakeTimer? due;
            lock (_gate)
            {
                due = NextUnsynchronized();
                // Another thread's advance may be firing this very moment: a timer can be due in the past, never before now.
                var step = due is null || due.Due - _elapsed > left ? left : TimeSpan.FromTicks(Math.Max(0, (due.Due - _elapsed).Ticks));
                _elapsed += step;
                if (moveWallClock)
                    _utcNow += step;
                left -= step;
                if (due is null || due.Due > _elapsed)
                    return;
                RearmUnsynchronized(due);
            }

            due.Fire();
        }
    }

    private FakeTimer? NextUnsynchronized()
    {
        FakeTimer? next = null;
        foreach (var timer in _armed)
        {
            if (next is null || timer.Due < next.Due || (timer.Due == next.Due && timer.Sequence < next.Sequence))
                next = timer;
        }

        return next;
    }

    /// <summary>Takes a timer that is about to fire off the list, or to its next period. Counts the callback as begun.</summary>
    private void RearmUnsynchronized(FakeTimer timer)
    {
        timer.Running++;
        if (timer.Period > TimeSpan.Zero)
        {
            timer.Due += timer.Period;
            timer.Sequence = ++_lastSequence;
        }
        else
        {
            _armed.Remove(timer);
        }
    }

    private sealed class FakeTimer(FakeTimeProvider clock, TimerCallback callback, object? state) : ITimer
    {
        private static readonly TimeSpan Longest = TimeSpan.FromMilliseconds(0xFFFFFFFE);
        private readonly ExecutionContext? _context = ExecutionContext.Capture();
        private TaskCompletionSource? _idle;
        private bool _disposed;

        public TimeSpan Due { get; set; }

        public TimeSpan Period { get; private set; }

        public long Sequence { get; set; }

        public int Running { get; set; }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            Check(dueTime, nameof(dueTime));
            Check(period, nameof(period));
            lock (clock._gate)
            {
                if (_disposed)
                    return false;
                clock._armed.Remove(this);
                Period = period;
                if (dueTime == Timeout.InfiniteTimeSpan)
                    return true;
                Due = clock._elapsed + dueTime;
                Sequence = ++clock._lastSequence;
                clock._armed.Add(this);
                if (dueTime > TimeSpan.Zero)
                    return true;
                clock.RearmUnsynchronized(this);
            }

            ThreadPool.QueueUserWorkItem(static timer => timer.Fire(), this, preferLocal: false);
            return true;
        }

        public void Fire()
        {
            try
            {
                if (_context is null)
                    callback(state);
                else
                    ExecutionContext.Run(_context, static timer => ((FakeTimer)timer!).Invoke(), this);
            }
            finally
            {
                TaskCompletionSource? idle;
                lock (clock._gate)
                    idle = --Running == 0 ? _idle : null;
                idle?.SetResult();
            }
        }

        public void Dispose()
        {
            lock (clock._gate)
            {
                _disposed = true;
                clock._armed.Remove(this);
            }
        }

        /// <summary>As a real timer: completes when no callback runs any more.</summary>
        public ValueTask DisposeAsync()
        {
            lock (clock._gate)
            {
                _disposed = true;
                clock._armed.Remove(this);
                if (Running == 0)
                    return ValueTask.CompletedTask;
                _idle ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                return new ValueTask(_idle.Task);
            }
        }

        private static void Check(TimeSpan value, string name)
        {
            if (value != Timeout.InfiniteTimeSpan && (value < TimeSpan.Zero || value > Longest))
                throw new ArgumentOutOfRangeException(name, value, "Zero to 0xFFFFFFFE ms, or Timeout.InfiniteTimeSpan.");
        }

        private void Invoke() => callback(state);
    }
}
