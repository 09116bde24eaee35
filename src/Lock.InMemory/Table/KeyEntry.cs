using System.Diagnostics;

namespace Locking;

/// <summary>What is known of one key in use: its holders and, where there was contention, its queue. Everything under the stripe's
/// gate.</summary>
internal sealed class KeyEntry
{
    /// <summary>Next entry of the same bucket, or of the free list.</summary>
    public KeyEntry? Next;

    public string Key = string.Empty;
    public Claim? Holders;
    public KeyQueue? Queue;
    public int Hash;
    public int HolderCount;
    public int Max = 1;

    /// <summary>Whether the entry stands in a bucket.</summary>
    public bool IsInUse;

    /// <summary>The holder that was granted first, of those that have not ended.</summary>
    public Claim? OldestHolder
    {
        get
        {
            Claim? oldest = null;
            for (Claim? claim = Holders; claim is not null; claim = claim.Next)
            {
                if (claim.State == ClaimState.Held && (oldest is null || claim.FencingToken < oldest.FencingToken))
                    oldest = claim;
            }

            return oldest;
        }
    }

    /// <summary>The first deadline of a holder, as far as it is known now.</summary>
    public long FirstDeadline
    {
        get
        {
            long first = Claim.Never;
            for (Claim? claim = Holders; claim is not null; claim = claim.Next)
                first = Math.Min(first, claim.Deadline);
            return first;
        }
    }

    public int WaiterCount => Queue is { } queue ? queue.Count : 0;

    public bool IsIdle => Holders is null && WaiterCount == 0;

    public KeyQueue GetQueue() => Queue ??= new KeyQueue(this);

    public void AddHolder(Claim claim)
    {
        claim.Entry = this;
        if (Holders is { } first)
        {
            claim.Next = first;
            first.Previous = claim;
        }

        Holders = claim;
        HolderCount++;
    }

    public void RemoveHolder(Claim claim)
    {
        Debug.Assert(claim.Entry == this, "Not a holder of this key.");
        if (claim.Previous is { } previous)
            previous.Next = claim.Next;
        else if (claim.Next is null)
            Holders = null;
        else
            Holders = claim.Next;
        if (claim.Next is { } next)
        {
            next.Previous = claim.Previous;
            claim.Next = null;
        }

        claim.Previous = null;
        claim.Entry = null;
        HolderCount--;
    }

    /// <summary>The claim with this id, or null. Those that have ended but are still linked are not found.</summary>
    public Claim? Find(string id)
    {
        if (Queue?.Index is { } index && index.TryGetValue(id, out Claim? found))
            return found.State is ClaimState.Held or ClaimState.Waiting ? found : null;
        for (Claim? claim = Holders; claim is not null; claim = claim.Next)
        {
            if (claim.KnownId == id && claim.State == ClaimState.Held)
                return claim;
        }

        // A waiter's id is known from the start or not at all, so that the index, where there is one, has all of them.
        if (Queue is not { Index: null } queue)
            return null;
        for (Claim? claim = queue.Head; claim is not null; claim = claim.Next)
        {
            if (claim.KnownId == id)
                return claim;
        }

        return null;
    }
}
