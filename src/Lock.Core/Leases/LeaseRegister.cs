using System.Collections.Concurrent;

namespace Locking;

/// <summary>The leases of one engine that have not ended, by the id of their holder: where losses find them, and calls by id.</summary>
internal sealed class LeaseRegister
{
    private readonly ConcurrentDictionary<string, Lease> _leases = new(StringComparer.Ordinal);

    public void Add(Lease lease) => _leases[lease.Id] = lease;

    public void Remove(Lease lease) => _leases.TryRemove(lease.Id, out _);

    public Lease? Find(string key, string id) => _leases.TryGetValue(id, out Lease? lease) && lease.Key == key ? lease : null;

    /// <summary>Those of this moment.</summary>
    public List<Lease> ToList() => [.. _leases.Values];

    /// <summary>Who holds a key, in words; null when nobody does.</summary>
    public string? DescribeHolder(string key)
    {
        foreach ((_, Lease lease) in _leases)
        {
            if (lease.Key == key && lease.Describe() is { } held)
                return held;
        }

        return null;
    }

    /// <summary>The backend has taken leases away: the one of a holder, or all.</summary>
    public void Lose(StoreLoss loss)
    {
        if (loss.HolderId is null)
        {
            foreach ((_, Lease lease) in _leases)
                lease.Lose(loss.Reason);
        }
        else if (_leases.TryGetValue(loss.HolderId, out Lease? lease))
        {
            lease.Lose(loss.Reason);
        }
    }
}
