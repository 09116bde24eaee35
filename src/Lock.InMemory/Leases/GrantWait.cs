using System.Threading.Tasks.Sources;

namespace Locking;

/// <summary>The wait for a lease that was not granted at once: the source of the task that its caller waits for.</summary>
/// <remarks>
/// Ends in exactly one of four ways, decided by the table's gate: granted, or withdrawn by time, by the caller's token or by the disposal
/// of the <see cref="InMemoryLock"/>. Made before the lease is queued, since the grant may come before the queueing thread goes on.
/// </remarks>
internal sealed class GrantWait(MemoryLease lease, MemoryHandle handle, TimeSpan limit, CancellationToken cancellationToken)
    : IValueTaskSource<ILockHandle?>
{
    private static readonly TimeSpan LongestTimer = TimeSpan.FromDays(1);

    private ManualResetValueTaskSourceCore<ILockHandle?> _source = new() { RunContinuationsAsynchronously = true };
    private CancellationTokenRegistration _registration;
    private ITimer? _timer;

    public MemoryHandle Handle => handle;

    /// <summary>Begins to listen to the caller's token and to time. Called once, after the lease was queued.</summary>
    /// <returns>The task, to be awaited once.</returns>
    public ValueTask<ILockHandle?> StartAsync()
    {
        LockTelemetry.WaitBegins(InMemoryLock.BackendType);
        if (limit != Timeout.InfiniteTimeSpan)
        {
            _timer = lease.Locks.Context.TimeProvider.CreateTimer(
                static self => ((GrantWait)self!).OnTimer(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            OnTimer();
        }

        if (cancellationToken.CanBeCanceled)
            _registration = cancellationToken.UnsafeRegister(static self => ((GrantWait)self!).OnCancelled(), this);
        return new ValueTask<ILockHandle?>(this, _source.Version);
    }

    public void OnGranted() => _source.SetResult(handle);

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
        _timer?.Dispose();
        LockTelemetry.WaitEnds(InMemoryLock.BackendType);
        return _source.GetResult(token);
    }

    ValueTaskSourceStatus IValueTaskSource<ILockHandle?>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<ILockHandle?>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);

    private void OnTimer()
    {
        var time = lease.Locks.Context.TimeProvider;
        var waited = time.GetElapsedTime(lease.ArrivedAt);
        var left = limit - waited;
        if (left > TimeSpan.Zero)
        {
            // Timers count in milliseconds and round down: one that rings early is set again for the rest.
            var due = TimeSpan.FromMilliseconds(Math.Ceiling(left.TotalMilliseconds));
            _timer!.Change(due < LongestTimer ? due : LongestTimer, Timeout.InfiniteTimeSpan);
            return;
        }

        if (!lease.Locks.Table.Withdraw(lease))
            return;
        if (lease.Options.ThrowIfBusy)
            _source.SetException(new LockTimeoutException(lease.Key, waited, lease.AttemptsWithin(waited)));
        else
            _source.SetResult(null);
    }

    private void OnCancelled()
    {
        if (lease.Locks.Table.Withdraw(lease))
            _source.SetException(new OperationCanceledException(cancellationToken));
    }
}
