namespace Locking;

/// <summary>Makes leases of what the backend has granted, and gives back what nobody wants.</summary>
internal sealed class Grants(StoreClient store, LeaseRegister leases, LeaseReleases releases)
{
    private readonly PermanentLocks _permanent = new(store, releases.Pending);

    /// <summary>Makes the lease of a grant, unless it came too late, and puts it into the register, where losses find it.</summary>
    /// <param name="request">What was granted.</param>
    /// <param name="token">The grant's fencing token.</param>
    /// <param name="options">The options of the call.</param>
    /// <param name="begun">No later than the moment the backend began the lease.</param>
    /// <param name="ttl">The TTL in force.</param>
    /// <param name="now">This moment.</param>
    public Lease? TryAdopt(AcquireRequest request, long? token, EffectiveOptions options, long begun, TimeSpan ttl, long now)
    {
        if (ttl != Timeout.InfiniteTimeSpan && store.Clock.Elapsed(begun, now) >= ttl - options.LostMarginOf(ttl))
        {
            Log.GrantedTooLate(store.Logger, request.Key, request.HolderId);
            return null;
        }

        Lease lease = new(store, leases, releases, request, token, new LeaseTerm(store.Clock, options, begun, ttl));
        leases.Add(lease);
        return lease;
    }

    /// <summary>Starts a lease that is in the register.</summary>
    /// <exception cref="ObjectDisposedException">The engine was disposed meanwhile; the lease is given back.</exception>
    public void Start(Lease lease, long now)
    {
        lease.Start(now);
        if (!store.IsDisposing)
            return;

        // The disposal may have looked at the register before the lease was in it.
        lease.Lose(LostReason.LockDisposed);
        _ = lease.UnlockAsync();
        throw new ObjectDisposedException(nameof(ILock));
    }

    /// <inheritdoc cref="PermanentLocks.TryKeepAsync"/>
    public ValueTask<bool> TryKeepAsync(AcquireRequest request, long begun, CancellationToken cancellationToken) =>
        _permanent.TryKeepAsync(request, begun, cancellationToken);

    /// <summary>Gives back in the background what a request may have been granted, and its place in the backend's queue.</summary>
    public void GiveBack(AcquireRequest request, TimeSpan ttl) => releases.Pending.Add(request.Key, request.HolderId, ttl);

    /// <summary>No later than the moment the backend began a lease.</summary>
    public long Begun(AcquireReply reply, long sentAt, EffectiveOptions options)
    {
        if (reply.QueuedFor == TimeSpan.Zero)
            return sentAt;
        TimeSpan by = reply.QueuedFor * (1 - options.DriftFactor);
        return by <= TimeSpan.Zero ? sentAt : sentAt + store.Clock.ToTimestampTicks(by);
    }

    /// <summary>Who of this engine holds a key, in words; null when nobody does.</summary>
    public string? DescribeHolder(string key) => leases.DescribeHolder(key);
}
