namespace Locking;

/// <summary>The answers of all nodes to an extend or a release.</summary>
internal sealed class StoreReplies(StoreReply?[] replies, string[] reasons, bool isTransient, Exception? fault)
{
    /// <summary>The answers by node; null for a silent one.</summary>
    public StoreReply?[] ByNode => replies;

    private int Count(StoreReply reply) => replies.Count(one => one == reply);

    private int Silent => replies.Count(static one => one is null);

    /// <summary>What a majority says of a lease that is to go on; null when too few answered to tell.</summary>
    public StoreReply? Conclude(StoreReply wanted, int quorum)
    {
        if (Count(wanted) >= quorum)
            return wanted;
        if (Count(wanted) + Silent >= quorum)
            return null;
        return Count(StoreReply.HeldByAnother) >= quorum ? StoreReply.HeldByAnother : StoreReply.NotHeld;
    }

    /// <summary>What became of a lease that is to end; null when too few answered for it to be certain that it has ended.</summary>
    public StoreReply? ConcludeRelease(int quorum)
    {
        if (replies.Length - Silent < quorum)
            return null;
        int done = Count(StoreReply.Done);
        // A node that is silent now may be one of those that gave the majority.
        if (done > 0 && done + Silent >= quorum)
            return StoreReply.Done;
        return Count(StoreReply.HeldByAnother) >= quorum ? StoreReply.HeldByAnother : StoreReply.NotHeld;
    }

    /// <summary>Too few answers.</summary>
    public LockStoreException TooFew(string step, int quorum) => new(
        $"{replies.Length - Silent} of {replies.Length} nodes answered, {quorum} are needed ({step}): {string.Join("; ", reasons)}",
        isTransient, fault);
}
