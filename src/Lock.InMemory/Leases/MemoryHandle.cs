namespace Locking;

/// <summary>What the caller holds of a <see cref="MemoryLease"/>. Nothing but that: when it is collected, the lease has lost its
/// holder.</summary>
internal sealed class MemoryHandle(MemoryLease lease) : ILockHandle
{
    public string Key => lease.Key;

    public string Id => lease.Id;

    public string Owner => lease.Owner;

    public long? FencingToken => lease.FencingToken;

    public int AcquiredOnAttempt => lease.Attempts;

    public TimeSpan AcquireDelay => lease.AcquireDelay;

    public TimeSpan Remaining
    {
        get
        {
            TimeSpan remaining = lease.Remaining;
            GC.KeepAlive(this); // a lease that renews itself looks for its handle
            return remaining;
        }
    }

    public CancellationToken LostToken
    {
        get
        {
            CancellationToken token = lease.LostToken;
            GC.KeepAlive(this);
            return token;
        }
    }

    public LostReason? LostReason
    {
        get
        {
            LostReason? reason = lease.LostReason;
            GC.KeepAlive(this);
            return reason;
        }
    }

    public void ThrowIfLost()
    {
        lease.ThrowIfLost();
        GC.KeepAlive(this);
    }

    public ValueTask<ILockHandle> ExtendAsync(TimeSpan ttl, CancellationToken cancellationToken = default)
    {
        OptionRules.PositiveOrInfinite(ttl, nameof(ttl));
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled<ILockHandle>(cancellationToken);
        if (lease.TryExtend(ttl))
            return ValueTask.FromResult<ILockHandle>(this);
        return ValueTask.FromException<ILockHandle>(
            lease.IsReleased
                ? new ObjectDisposedException(typeof(ILockHandle).FullName)
                : new LockLostException(Key, Id, LostReason ?? Locking.LostReason.Expired));
    }

    public ValueTask<bool> TryExtendAsync(TimeSpan ttl, CancellationToken cancellationToken = default)
    {
        OptionRules.PositiveOrInfinite(ttl, nameof(ttl));
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled<bool>(cancellationToken);
        bool extended = lease.TryExtend(ttl);
        GC.KeepAlive(this);
        if (!extended && lease.IsReleased)
            return ValueTask.FromException<bool>(new ObjectDisposedException(typeof(ILockHandle).FullName));
        return ValueTask.FromResult(extended);
    }

    public ValueTask<UnlockOutcome> UnlockAsync()
    {
        UnlockOutcome outcome = lease.Unlock();
        GC.KeepAlive(this);
        return ValueTask.FromResult(outcome);
    }

    public ValueTask DisposeAsync()
    {
        lease.Unlock();
        GC.KeepAlive(this);
        return ValueTask.CompletedTask;
    }
}
