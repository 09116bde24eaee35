using System.Collections.Concurrent;

namespace Locking;

/// <summary>Locks of several keys, by the id that releases them.</summary>
internal sealed class CompositeLocks
{
    private readonly ConcurrentDictionary<string, CompositeLock> _composites = new();

    /// <summary>Remembers one.</summary>
    public void Add(CompositeLock composite) => _composites[composite.Id] = composite;

    /// <summary>Forgets one.</summary>
    /// <returns>It; null when there is no such.</returns>
    public CompositeLock? Remove(string id) => _composites.TryRemove(id, out CompositeLock? composite) ? composite : null;

    /// <summary>Puts one of its keys back that is on record.</summary>
    /// <returns>The claim; null when newer ones hold the key.</returns>
    public BrokerClaim? Restore(PublishedState state, RecordedLease lease, TimeSpan remaining)
    {
        CompositeLock composite = _composites.GetValueOrDefault(lease.Id) ?? new CompositeLock(state, lease.Id);
        if (!composite.TryRestore(lease, remaining, out MemberClaim? member))
            return null;
        Add(composite);
        return member;
    }

    /// <summary>Drops those whose members have all ended by time, or with their connection: they are not released by anybody.</summary>
    public void DropIdle()
    {
        foreach ((string? id, CompositeLock? composite) in _composites)
        {
            if (composite.IsIdle)
                _composites.TryRemove(id, out _);
        }
    }
}
