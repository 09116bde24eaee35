using System.Diagnostics;

namespace Locking;

/// <summary>The waiters of one key, first in, first out, and the key's place in the stripe's deadlines. Under the stripe's gate.</summary>
internal sealed class KeyQueue(KeyEntry entry) : HeapItem
{
    // Below this many claims a walk is cheaper than an index.
    private const int IndexFrom = 32;

    private IntrusiveList<Claim> _waiters;

    public KeyEntry Entry { get; } = entry;

    public Claim? Head => _waiters.First;

    public int Count { get; private set; }

    /// <summary>Holders and waiters by id, once there were many; null before that.</summary>
    public Dictionary<string, Claim>? Index { get; private set; }

    /// <summary>Whether the stripe is to look at the key by itself.</summary>
    public bool IsScheduled => Place > 0;

    /// <summary>When the stripe is to look at the key, as a timestamp; not later than it must.</summary>
    public long DueAt => Due;

    public void Add(Claim claim, bool front)
    {
        claim.Entry = Entry;
        if (front)
            _waiters.AddFirst(claim);
        else
            _waiters.AddLast(claim);
        Count++;
        if (Index is not null)
            Enlist(claim);
        else if (Count > IndexFrom)
            BuildIndex();
    }

    public void Remove(Claim claim)
    {
        Debug.Assert(claim.Entry == Entry, "Not a waiter of this key.");
        _waiters.Remove(claim);
        claim.Entry = null;
        Count--;
    }

    public void Enlist(Claim claim)
    {
        if (Index is { } index && claim.KnownId is { } id)
            index[id] = claim;
    }

    /// <summary>The claim has left the key.</summary>
    public void Forget(Claim claim)
    {
        if (Index is { } index && claim.KnownId is { } id && index.TryGetValue(id, out Claim? found) && found == claim)
            index.Remove(id);
    }

    /// <summary>The key is idle: a long queue leaves no memory behind.</summary>
    public void Clear() => Index = null;

    private void BuildIndex()
    {
        Index = new Dictionary<string, Claim>(StringComparer.Ordinal);
        for (Claim? claim = Entry.Holders; claim is not null; claim = claim.Next)
            Enlist(claim);
        for (Claim? claim = Head; claim is not null; claim = claim.Next)
            Enlist(claim);
    }
}
