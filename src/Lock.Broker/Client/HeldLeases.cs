namespace Locking;

/// <summary>What this client holds at its broker, so that it can reclaim it after a broken connection.</summary>
internal sealed class HeldLeases(TimeProvider time)
{
    private const int FirstSweep = 1024;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, HeldLease> _leases = new(StringComparer.Ordinal);
    private int _sweepAt = FirstSweep;

    /// <summary>Remembers a grant.</summary>
    /// <param name="request">What was granted.</param>
    /// <param name="token">Its number.</param>
    /// <param name="begun">A timestamp not after the beginning of the lease.</param>
    /// <param name="connection">The number of the connection over which the broker knows of it.</param>
    public void Add(AcquireRequest request, long? token, long begun, long connection)
    {
        var lease = new HeldLease(request, token) { Ttl = request.Ttl, Begun = begun, Connection = connection };
        lock (_gate)
        {
            _leases[request.HolderId] = lease;
            if (_leases.Count < _sweepAt)
                return;

            // Leases that ran out without a word (a published broker gives none) must not pile up.
            DropEndedUnsynchronized();
            _sweepAt = Math.Max(FirstSweep, _leases.Count * 2);
        }
    }

    public void Extended(string holderId, TimeSpan ttl, long begun)
    {
        lock (_gate)
        {
            if (_leases.TryGetValue(holderId, out HeldLease? lease))
                (lease.Ttl, lease.Begun) = (ttl, begun);
        }
    }

    /// <summary>Another connection knows of it now.</summary>
    public void Reclaimed(string holderId, long connection)
    {
        lock (_gate)
        {
            if (_leases.TryGetValue(holderId, out HeldLease? lease))
                lease.Connection = connection;
        }
    }

    /// <summary>It is being given back: not reclaimed any more, but still known, since a broker that has not seen it must be shown it
    /// before it can take it back.</summary>
    /// <returns>The lease; null when this client holds no such.</returns>
    public HeldLease? BeginRelease(string holderId)
    {
        lock (_gate)
        {
            if (!_leases.TryGetValue(holderId, out HeldLease? lease))
                return null;
            lease.IsLeaving = true;
            return lease;
        }
    }

    public bool Has(string holderId)
    {
        lock (_gate)
            return _leases.TryGetValue(holderId, out HeldLease? lease) && !lease.IsLeaving
                && RemainingUnsynchronized(lease) != TimeSpan.Zero;
    }

    /// <summary>It is over.</summary>
    /// <returns>Whether it was held until now: not known to be over, and not being given back.</returns>
    public bool Remove(string holderId)
    {
        lock (_gate)
            return _leases.Remove(holderId, out HeldLease? lease) && !lease.IsLeaving;
    }

    /// <summary>What may still live and is not being given back. Drops what has run out.</summary>
    public List<HeldLease> Living()
    {
        lock (_gate)
        {
            DropEndedUnsynchronized();
            return [.. _leases.Values.Where(static lease => !lease.IsLeaving)];
        }
    }

    public TimeSpan RemainingOf(HeldLease lease)
    {
        lock (_gate)
            return RemainingUnsynchronized(lease);
    }

    private void DropEndedUnsynchronized()
    {
        foreach ((string? id, HeldLease? lease) in _leases)
        {
            // Removing while walking is allowed of a Dictionary.
            if (RemainingUnsynchronized(lease) == TimeSpan.Zero)
                _leases.Remove(id);
        }
    }

    private TimeSpan RemainingUnsynchronized(HeldLease lease)
    {
        if (lease.Ttl == Timeout.InfiniteTimeSpan)
            return lease.Ttl;
        TimeSpan left = lease.Ttl - time.GetElapsedTime(lease.Begun);
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }
}

/// <summary>One lease. Belongs to a <see cref="HeldLeases"/>, whose gate guards what changes.</summary>
internal sealed class HeldLease(AcquireRequest request, long? token)
{
    /// <summary>What was granted.</summary>
    public AcquireRequest Request { get; } = request;

    /// <summary>Its number.</summary>
    public long? Token { get; } = token;

    /// <summary>Its length.</summary>
    public TimeSpan Ttl { get; set; }

    /// <summary>A timestamp not after its beginning.</summary>
    public long Begun { get; set; }

    /// <summary>The number of the connection over which the broker knows of it.</summary>
    public required long Connection { get; set; }

    /// <summary>It is being given back.</summary>
    public bool IsLeaving { get; set; }
}
