using System.Threading.Tasks.Sources;

namespace Locking;

/// <summary>The wait for a lease that was not granted at once: the source of the task that its caller waits for.</summary>
/// <remarks>
/// Ends in exactly one of four ways, decided by the table's gate: granted, or withdrawn by time, by the caller's token or by the disposal
/// of the <see cref="InMemoryLock"/>. Made before the lease is queued, since the grant may come before the queueing thread goes on.
/// Time is the alarm clock's: a timer of the pool would let the wait go on, and be granted, for as long as the pool is busy.
/// </remarks>
internal sealed class GrantWait(MemoryLease lease, MemoryHandle handle, TimeSpan limit, CancellationToken cancellationToken)
    : Alarm, IValueTaskSource<ILockHandle?>
{
    private ManualResetValueTaskSourceCore<ILockHandle?> _source = new() { RunContinuationsAsynchronously = true };
    private CancellationTokenRegistration _registration;

    public MemoryHandle Handle => handle;

    /// <summary>Begins to listen to the caller's token and to time. Called once, after the lease was queued.</summary>
    /// <returns>The task, to be awaited once.</returns>
    public ValueTask<ILockHandle?> StartAsync()
    {
        LockTelemetry.WaitBegins(InMemoryLock.BackendType);
        if (limit != Timeout.InfiniteTimeSpan)
            lease.Locks.Alarms.Set(this, lease.Locks.Table.Clock.DeadlineAfter(lease.ArrivedAt, limit));
        if (cancellationToken.CanBeCanceled)
            _registration = cancellationToken.UnsafeRegister(static self => ((GrantWait)self!).OnCancelled(), this);
        return new ValueTask<ILockHandle?>(this, _source.Version);
    }

    public void OnGranted()
    {
        StopAlarm();
        _source.SetResult(handle);
    }

    /// <summary>Ends the wait because the <see cref="InMemoryLock"/> is disposed.</summary>
    public void OnDisposed()
    {
        if (lease.Locks.Table.Withdraw(lease))
            _source.SetException(new ObjectDisposedException(nameof(ILock), "The lock object was disposed while a call waited."));
    }

    ILockHandle? IValueTaskSource<ILockHandle?>.GetResult(short token)
    {
        // Everything that may end the wait was set up before the task was given out, so nothing is missed here.
        _registration.Dispose();
        StopAlarm(); // it may have been set after the grant
        LockTelemetry.WaitEnds(InMemoryLock.BackendType);
        return _source.GetResult(token);
    }

    ValueTaskSourceStatus IValueTaskSource<ILockHandle?>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<ILockHandle?>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);

    internal override void Ring()
    {
        if (!lease.Locks.Table.Withdraw(lease))
            return;
        if (!lease.Options.ThrowIfBusy)
        {
            _source.SetResult(null);
            return;
        }

        var waited = lease.Locks.Context.TimeProvider.GetElapsedTime(lease.ArrivedAt);
        _source.SetException(new LockTimeoutException(lease.Key, waited, lease.AttemptsWithin(waited)));
    }

    private void OnCancelled()
    {
        if (lease.Locks.Table.Withdraw(lease))
            _source.SetException(new OperationCanceledException(cancellationToken));
    }

    private void StopAlarm()
    {
        if (limit != Timeout.InfiniteTimeSpan)
            lease.Locks.Alarms.Cancel(this);
    }
}
