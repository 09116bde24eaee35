using System.Diagnostics.CodeAnalysis;

namespace Locking;

/// <summary>What the caller holds of a <see cref="Lease"/>. Its finalizer tells the lease that nobody holds it any more.</summary>
[SuppressMessage("Design", "MA0055", Justification = "Being collected without having been disposed is what must be noticed.")]
internal sealed class LockHandle(Lease lease, int attempts, TimeSpan delay) : ILockHandle
{
    ~LockHandle() => lease.Abandon();

    public string Key => lease.Key;

    public string Id => lease.Id;

    public string Owner => lease.Owner;

    public long? FencingToken => lease.FencingToken;

    public int AcquiredOnAttempt => attempts;

    public TimeSpan AcquireDelay => delay;

    public TimeSpan Remaining => lease.Remaining;

    public CancellationToken LostToken => lease.LostToken;

    public LostReason? LostReason => lease.LostReason;

    public void ThrowIfLost() => lease.ThrowIfLost();

    public async ValueTask<ILockHandle> ExtendAsync(TimeSpan ttl, CancellationToken cancellationToken = default)
    {
        if (await TryExtendAsync(ttl, cancellationToken).ConfigureAwait(false))
            return this;
        throw new LockLostException(Key, Id, LostReason ?? Locking.LostReason.Expired);
    }

    public ValueTask<bool> TryExtendAsync(TimeSpan ttl, CancellationToken cancellationToken = default)
    {
        OptionRules.PositiveOrInfinite(ttl, nameof(ttl));
        return lease.TryExtendAsync(ttl, cancellationToken);
    }

    public ValueTask<UnlockOutcome> UnlockAsync()
    {
        GC.SuppressFinalize(this);
        return new ValueTask<UnlockOutcome>(lease.UnlockAsync());
    }

    public ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return new ValueTask(lease.UnlockAsync());
    }
}
