using System.Collections.Concurrent;

namespace Locking;

/// <summary>What this client holds at its broker, so that it can reclaim it after a broken connection.</summary>
internal sealed class HeldLeases
{
    private readonly ConcurrentDictionary<string, HeldLease> _leases = new();
    private readonly TimeProvider _time;
    private int _sweepAt = 1024;

    public HeldLeases(TimeProvider time) => _time = time;

    public bool IsEmpty => _leases.IsEmpty;

    /// <summary>Remembers a grant.</summary>
    /// <param name="request">What was granted.</param>
    /// <param name="token">Its number.</param>
    /// <param name="begun">A timestamp not after the beginning of the lease.</param>
    public void Add(AcquireRequest request, long? token, long begun)
    {
        _leases[request.HolderId] = new HeldLease(request, token, request.Ttl, begun);
        if (_leases.Count < Volatile.Read(ref _sweepAt))
            return;

        // Leases that ran out without a word (a published broker gives none) must not pile up.
        foreach (var lease in _leases.Values)
        {
            if (RemainingOf(lease) == TimeSpan.Zero)
                Remove(lease.Request.HolderId);
        }

        Volatile.Write(ref _sweepAt, Math.Max(1024, _leases.Count * 2));
    }

    public void Extended(string holderId, TimeSpan ttl, long begun)
    {
        if (_leases.TryGetValue(holderId, out var lease))
            _leases.TryUpdate(holderId, lease with { Ttl = ttl, Begun = begun }, lease);
    }

    public bool Has(string holderId) => _leases.TryGetValue(holderId, out var lease) && RemainingOf(lease) != TimeSpan.Zero;

    public bool HasRunOut(string holderId) => _leases.TryGetValue(holderId, out var lease) && RemainingOf(lease) == TimeSpan.Zero;

    public bool Remove(string holderId) => _leases.TryRemove(holderId, out _);

    /// <summary>What may still live. Drops what has run out.</summary>
    public List<HeldLease> Living()
    {
        var living = new List<HeldLease>();
        foreach (var lease in _leases.Values)
        {
            if (RemainingOf(lease) == TimeSpan.Zero)
                Remove(lease.Request.HolderId);
            else
                living.Add(lease);
        }

        return living;
    }

    public TimeSpan RemainingOf(HeldLease lease)
    {
        if (lease.Ttl == Timeout.InfiniteTimeSpan)
            return lease.Ttl;
        var left = lease.Ttl - _time.GetElapsedTime(lease.Begun);
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }
}

/// <summary>One lease.</summary>
internal sealed record HeldLease(AcquireRequest Request, long? Token, TimeSpan Ttl, long Begun);
