using System.Collections.Concurrent;

namespace Locking;

/// <summary>What this client holds at its broker, so that it can reclaim it after a broken connection.</summary>
internal sealed class HeldLeases
{
    private readonly ConcurrentDictionary<string, HeldLease> _leases = new();
    private readonly TimeProvider _time;
    private int _sweepAt = 1024;

    public HeldLeases(TimeProvider time) => _time = time;

    /// <summary>Remembers a grant.</summary>
    /// <param name="request">What was granted.</param>
    /// <param name="token">Its number.</param>
    /// <param name="begun">A timestamp not after the beginning of the lease.</param>
    /// <param name="connection">Over which connection the broker knows of it.</param>
    public void Add(AcquireRequest request, long? token, long begun, BrokerConnection connection)
    {
        _leases[request.HolderId] = new HeldLease(request, token, request.Ttl, begun, connection);
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
        while (_leases.TryGetValue(holderId, out var lease) && !_leases.TryUpdate(holderId, lease with { Ttl = ttl, Begun = begun }, lease))
        {
        }
    }

    /// <summary>Another connection knows of it now.</summary>
    public void Reclaimed(string holderId, BrokerConnection connection)
    {
        while (_leases.TryGetValue(holderId, out var lease) && !_leases.TryUpdate(holderId, lease with { Connection = connection }, lease))
        {
        }
    }

    /// <summary>It is being given back: not reclaimed any more, but still known, since a broker that has not seen it must be shown it
    /// before it can take it back.</summary>
    /// <returns>The lease; null when this client holds no such.</returns>
    public HeldLease? BeginRelease(string holderId)
    {
        while (_leases.TryGetValue(holderId, out var lease))
        {
            var leaving = lease with { IsLeaving = true };
            if (_leases.TryUpdate(holderId, leaving, lease))
                return leaving;
        }

        return null;
    }

    public bool Has(string holderId) =>
        _leases.TryGetValue(holderId, out var lease) && !lease.IsLeaving && RemainingOf(lease) != TimeSpan.Zero;

    /// <summary>It is over.</summary>
    /// <returns>Whether it was held until now: not known to be over, and not being given back.</returns>
    public bool Remove(string holderId) => _leases.TryRemove(holderId, out var lease) && !lease.IsLeaving;

    /// <summary>What may still live and is not being given back. Drops what has run out.</summary>
    public List<HeldLease> Living()
    {
        var living = new List<HeldLease>();
        foreach (var lease in _leases.Values)
        {
            if (RemainingOf(lease) == TimeSpan.Zero)
                Remove(lease.Request.HolderId);
            else if (!lease.IsLeaving)
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
/// <param name="Request">What was granted.</param>
/// <param name="Token">Its number.</param>
/// <param name="Ttl">Its length.</param>
/// <param name="Begun">A timestamp not after its beginning.</param>
/// <param name="Connection">Over which connection the broker knows of it.</param>
internal sealed record HeldLease(AcquireRequest Request, long? Token, TimeSpan Ttl, long Begun, BrokerConnection Connection)
{
    /// <summary>It is being given back.</summary>
    public bool IsLeaving { get; init; }
}
