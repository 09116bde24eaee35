namespace Locking;

/// <summary>A keyed FIFO lock with TTL, owner and fencing token: the state behind the in-memory backend and behind the broker.</summary>
/// <remarks>
/// <para>Thread-safe. Every method is one atomic step. Nothing is kept of a key that nobody holds or waits for.</para>
/// <para>
/// Each step comes in two forms: one that makes the callbacks it causes before it returns, and one that hands them out
/// (<see cref="ClaimNotices"/>) so that the caller can do something first.
/// </para>
/// <para>
/// A lease whose deadline has passed is over when somebody looks: an acquirer takes over at once, a waiter is granted by a timer that
/// exists only while waiters or prompt callbacks need it, and a slow sweep frees what nobody asks for.
/// </para>
/// </remarks>
internal sealed class LockTable : IDisposable
{
    /// <summary>Creates an empty table. Tokens start at the wall clock's microseconds.</summary>
    public LockTable(TimeProvider timeProvider) => TimeProvider = timeProvider;

    /// <summary>The only clock.</summary>
    public TimeProvider TimeProvider { get; }

    /// <summary>The last fencing token that was given out (or the seed).</summary>
    public long LastToken => throw new NotImplementedException();

    /// <summary>How many keys are held or waited for. Walks no keys; a snapshot per stripe.</summary>
    public int KeyCount => throw new NotImplementedException();

    /// <summary>Makes every later token greater than <paramref name="last"/>. Never lowers it. Below 2^53.</summary>
    public void RaiseTokens(long last) => throw new NotImplementedException();

    /// <summary>Takes the lock, or a place in the queue, or neither.</summary>
    /// <remarks>
    /// A claim with the same id that holds the key gets a fresh TTL (of the new claim's length) and keeps its token; one that waits keeps
    /// its place. In both cases the given claim is not used: the older one is in the result.
    /// An expired holder that is met on the way is over, and its place free.
    /// </remarks>
    public AcquireResult Acquire(Claim claim, in AcquireTerms terms, out ClaimNotices notices) => throw new NotImplementedException();

    /// <inheritdoc cref="Acquire(Claim, in AcquireTerms, out ClaimNotices)"/>
    public AcquireResult Acquire(Claim claim, in AcquireTerms terms)
    {
        var result = Acquire(claim, terms, out var notices);
        notices.Deliver();
        return result;
    }

    /// <summary>Puts a claim that is already granted elsewhere (before a restart) back as a holder, with its old token, whatever else
    /// holds the key. Raises the counter above that token.</summary>
    /// <returns>False when the key is held by others up to its limit; nothing has changed then.</returns>
    public bool Reclaim(Claim claim, long fencingToken, int max = 0) => throw new NotImplementedException();

    /// <summary>Ends a claim, whether it holds (released, the next waiter is granted) or waits (withdrawn).</summary>
    /// <param name="claim">The claim.</param>
    /// <param name="waiters">How many wait for the key now.</param>
    /// <param name="notices">The grants this causes.</param>
    /// <returns>The state it was ended from: Held or Waiting; or, if it had ended before, the state that it was and is in. A lease
    /// whose deadline has passed answers Expired.</returns>
    public ClaimState End(Claim claim, out int waiters, out ClaimNotices notices) => throw new NotImplementedException();

    /// <inheritdoc cref="End(Claim, out int, out ClaimNotices)"/>
    public ClaimState End(Claim claim)
    {
        var was = End(claim, out _, out var notices);
        notices.Deliver();
        return was;
    }

    /// <summary>Ends a claim only if it waits. A claim that was granted meanwhile stays granted.</summary>
    /// <returns>True when it waited and does not any more.</returns>
    public bool Withdraw(Claim claim) => throw new NotImplementedException();

    /// <summary>The claim with this id that holds or waits for the key, or null. Expired holders are not found.</summary>
    public Claim? Find(string key, string id) => throw new NotImplementedException();

    /// <summary>Ends the claim with this id, holder or waiter, as <see cref="End(Claim)"/>.</summary>
    /// <returns>Done: it held or waited. HeldByAnother: somebody else holds the key. NotHeld: nobody does.</returns>
    public StoreReply Release(string key, string id, out int waiters, out ClaimNotices notices) => throw new NotImplementedException();

    /// <inheritdoc cref="Release(string, string, out int, out ClaimNotices)"/>
    public StoreReply Release(string key, string id)
    {
        var reply = Release(key, id, out _, out var notices);
        notices.Deliver();
        return reply;
    }

    /// <summary>Restarts the TTL of a live lease. Never revives one whose deadline has passed.</summary>
    /// <returns>False when the claim does not hold the key; nothing has changed then.</returns>
    public bool TryExtend(Claim claim, TimeSpan ttl) => throw new NotImplementedException();

    /// <summary>Restarts the TTL of the live lease with this id.</summary>
    public StoreReply TryExtend(string key, string id, TimeSpan ttl) => throw new NotImplementedException();

    /// <summary>Takes the key away from all its holders (they hear <see cref="Claim.OnForced"/>) and grants the next waiters.</summary>
    /// <param name="key">The key.</param>
    /// <param name="notices">The notices of the holders, then those of the new holders.</param>
    /// <returns>How many holders there were.</returns>
    public int Force(string key, out ClaimNotices notices) => throw new NotImplementedException();

    /// <inheritdoc cref="Force(string, out ClaimNotices)"/>
    public int Force(string key)
    {
        var count = Force(key, out var notices);
        notices.Deliver();
        return count;
    }

    /// <summary>The holder of the key with the lowest token, or null.</summary>
    public LockInfo? Get(string key) => throw new NotImplementedException();

    /// <summary>How many hold and wait for the key, its limit, and the ids of the holders.</summary>
    public KeyReport Report(string key) => throw new NotImplementedException();

    /// <summary>The live holders whose key begins with a prefix (ordinal). A snapshot per stripe, taken as the enumeration goes on.</summary>
    public IEnumerable<LockInfo> List(string prefix) => throw new NotImplementedException();

    /// <summary>What is left of a claim's lease: zero when it does not hold, <see cref="Timeout.InfiniteTimeSpan"/> without expiry.</summary>
    public TimeSpan Remaining(Claim claim) => throw new NotImplementedException();

    /// <summary>Stops the timers. Claims stay as they are; nothing is granted by time any more.</summary>
    public void Dispose() => throw new NotImplementedException();
}

/// <summary>One key, for diagnostics.</summary>
/// <param name="Max">How many may hold it.</param>
/// <param name="Waiters">How many wait.</param>
/// <param name="HolderIds">Who holds it.</param>
internal readonly record struct KeyReport(int Max, int Waiters, IReadOnlyList<string> HolderIds);
