using System.Threading.Tasks.Sources;

namespace Locking;

/// <summary>The wait for a lease that was not granted at once: the source of the task that its caller waits for.</summary>
/// <remarks>
/// Ends in exactly one of four ways, decided by the table's gate: granted, or withdrawn by time, by the caller's token or by the disposal
/// of the <see cref="InMemoryLock"/>. Made before the lease is queued, since the grant may come before the queueing thread goes on. A wait
/// with a limit is a task and ends on a thread of the engine's own: whoever blocks in it is woken whatever the thread pool is doing.
/// </remarks>
internal sealed class GrantWait(MemoryLease lease, MemoryHandle handle, TimeSpan limit, CancellationToken cancellationToken)
    : Alarm, IValueTaskSource<ILockHandle?>, IThreadPoolWorkItem
{
    private readonly TaskCompletionSource<ILockHandle?>? _limited =
        limit == Timeout.InfiniteTimeSpan ? null : new(TaskCreationOptions.RunContinuationsAsynchronously);

    private ManualResetValueTaskSourceCore<ILockHandle?> _source = new() { RunContinuationsAsynchronously = true };
    private CancellationTokenRegistration _registration;

    public MemoryHandle Handle => handle;

    /// <summary>Begins to listen to the caller's token and to time. Called once, after the lease was queued.</summary>
    /// <returns>The task, to be awaited once.</returns>
    public ValueTask<ILockHandle?> StartAsync()
    {
        LockTelemetry.WaitBegins(InMemoryLock.BackendType);
        lease.Home.SelfWaits.Watch();
        if (cancellationToken.CanBeCanceled)
            _registration = cancellationToken.UnsafeRegister(static self => ((GrantWait)self!).OnCancelled(), this);
        if (_limited is null)
            return new ValueTask<ILockHandle?>(this, _source.Version);
        AlarmClock alarms = lease.Home.Alarms;
        alarms.Set(this, EndsAt());
        if (_limited.Task.IsCompleted)
        {
            // It may have ended before they were there.
            alarms.Cancel(this);
            _registration.Unregister();
        }

        return new ValueTask<ILockHandle?>(_limited.Task);
    }

    public void OnGranted() => End(handle, null);

    /// <summary>Ends the wait because the <see cref="InMemoryLock"/> is disposed.</summary>
    public void OnDisposed()
    {
        if (lease.Home.Table.Withdraw(lease))
            End(null, new ObjectDisposedException(nameof(ILock), "The lock object was disposed while a call waited."));
    }

    internal override void Ring()
    {
        if (lease.Home.Now < EndsAt())
            lease.Home.Alarms.Set(this, EndsAt());
        else
            EngineThreads.Queue(this);
    }

    /// <summary>The time is up.</summary>
    void IThreadPoolWorkItem.Execute()
    {
        if (!lease.Home.Table.Withdraw(lease))
            return;
        End(null, lease.Options.ThrowIfBusy ? lease.Busy(lease.Waited) : null);
    }

    ILockHandle? IValueTaskSource<ILockHandle?>.GetResult(short token)
    {
        // Everything that may end the wait was set up before the task was given out, so nothing is missed here.
        _registration.Dispose();
        LockTelemetry.WaitEnds(InMemoryLock.BackendType);
        return _source.GetResult(token);
    }

    ValueTaskSourceStatus IValueTaskSource<ILockHandle?>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<ILockHandle?>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);

    private long EndsAt() => lease.Home.Table.Clock.DeadlineAfter(lease.ArrivedAt, limit);

    private void End(ILockHandle? granted, Exception? exception)
    {
        if (_limited is null)
        {
            if (exception is null)
                _source.SetResult(granted);
            else
                _source.SetException(exception);
            return;
        }

        lease.Home.Alarms.Cancel(this);
        _registration.Unregister();
        LockTelemetry.WaitEnds(InMemoryLock.BackendType);
        if (exception is null)
            _limited.SetResult(granted);
        else if (exception is OperationCanceledException)
            _limited.SetCanceled(cancellationToken);
        else
            _limited.SetException(exception);
    }

    private void OnCancelled()
    {
        if (lease.Home.Table.Withdraw(lease))
            End(null, new OperationCanceledException(cancellationToken));
    }
}
