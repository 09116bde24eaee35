using System.Threading.Tasks.Sources;

namespace Locking;

/// <summary>A lease that was not granted at once: also the source of the task that its caller waits for.</summary>
/// <remarks>
/// Ends in exactly one of four ways, decided by the table's gate: granted (<see cref="OnGranted"/>), or withdrawn by time, by the
/// caller's token or by the disposal of the <see cref="InMemoryLock"/>.
/// </remarks>
internal sealed class QueuedLease : MemoryLease, IValueTaskSource<ILockHandle?>
{
    private static readonly TimeSpan LongestTimer = TimeSpan.FromDays(1);

    private readonly long _startedAt;
    private readonly TimeSpan _limit;
    private ManualResetValueTaskSourceCore<ILockHandle?> _source = new() { RunContinuationsAsynchronously = true };
    private MemoryHandle? _handleToGive;
    private CancellationToken _cancellationToken;
    private CancellationTokenRegistration _registration;
    private ITimer? _timer;

    /// <summary>Makes the lease.</summary>
    /// <param name="locks">Whose lease it is.</param>
    /// <param name="key">The key.</param>
    /// <param name="options">The options of the call.</param>
    /// <param name="startedAt">When the call began, as a timestamp.</param>
    /// <param name="limit">The longest wait from then, or <see cref="Timeout.InfiniteTimeSpan"/>.</param>
    /// <param name="handle">The handle, for a grant on arrival.</param>
    public QueuedLease(
        InMemoryLock locks, string key, EffectiveOptions options, long startedAt, TimeSpan limit, out MemoryHandle handle)
        : base(locks, key, options, out handle)
    {
        _startedAt = startedAt;
        _limit = limit;
        _handleToGive = handle;
    }

    public override int Attempts => AttemptsAt(GrantedAt);

    public override TimeSpan AcquireDelay => Table.Clock.ToSpan(GrantedAt - _startedAt);

    /// <summary>Begins to listen to the caller's token and to time. Called once, after the lease was queued.</summary>
    /// <returns>The task, to be awaited once.</returns>
    public ValueTask<ILockHandle?> WaitAsync(CancellationToken cancellationToken)
    {
        LockTelemetry.WaitBegins(InMemoryLock.BackendType);
        _cancellationToken = cancellationToken;
        if (_limit != Timeout.InfiniteTimeSpan)
        {
            _timer = Locks.Context.TimeProvider.CreateTimer(
                static self => ((QueuedLease)self!).OnTimer(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            OnTimer();
        }

        if (cancellationToken.CanBeCanceled)
            _registration = cancellationToken.UnsafeRegister(static self => ((QueuedLease)self!).OnCancelled(), this);
        return new ValueTask<ILockHandle?>(this, _source.Version);
    }

    /// <summary>Ends the wait because the <see cref="InMemoryLock"/> is disposed.</summary>
    public void OnDisposed()
    {
        if (Table.Withdraw(this))
            _source.SetException(new ObjectDisposedException(nameof(ILock), "The lock object was disposed while a call waited."));
    }

    protected internal override void OnGranted()
    {
        var handle = _handleToGive;
        _handleToGive = null;
        _source.SetResult(handle);
    }

    ILockHandle? IValueTaskSource<ILockHandle?>.GetResult(short token)
    {
        // Everything that may end the wait was set up before the task was given out, so nothing is missed here.
        _registration.Dispose();
        _timer?.Dispose();
        LockTelemetry.WaitEnds(InMemoryLock.BackendType);
        try
        {
            return _source.GetResult(token);
        }
        finally
        {
            // The table knows this object as long as the lock is held: it must not keep the handle alive.
            _source.Reset();
        }
    }

    ValueTaskSourceStatus IValueTaskSource<ILockHandle?>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<ILockHandle?>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);

    private void OnTimer()
    {
        var left = _limit - Locks.Context.TimeProvider.GetElapsedTime(_startedAt);
        if (left > TimeSpan.Zero)
        {
            // Timers count in milliseconds and round down: one that rings early is set again for the rest.
            var due = TimeSpan.FromMilliseconds(Math.Ceiling(left.TotalMilliseconds));
            _timer!.Change(due < LongestTimer ? due : LongestTimer, Timeout.InfiniteTimeSpan);
            return;
        }

        if (!Table.Withdraw(this))
            return;
        if (Options.ThrowIfBusy)
        {
            var now = Locks.Now;
            _source.SetException(new LockTimeoutException(Key, Table.Clock.ToSpan(now - _startedAt), AttemptsAt(now)));
        }
        else
        {
            _source.SetResult(null);
        }
    }

    private void OnCancelled()
    {
        if (Table.Withdraw(this))
            _source.SetException(new OperationCanceledException(_cancellationToken));
    }

    /// <summary>The attempt that the time spent amounts to: a wake-up is part of the attempt it ends.</summary>
    private int AttemptsAt(long timestamp)
    {
        if (Options.RetryCount is not { } retries || Options.RetryDelay <= TimeSpan.Zero)
            return 1;
        return 1 + (int)Math.Min(retries, Table.Clock.ToSpan(timestamp - _startedAt) / Options.RetryDelay);
    }
}
