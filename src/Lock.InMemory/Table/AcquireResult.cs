namespace Locking;

/// <summary>What became of a request.</summary>
internal enum AcquireStatus
{
    /// <summary>Somebody else holds the lock, and the claim is not queued. Nothing has changed.</summary>
    Busy = 0,

    /// <summary>The claim holds the lock.</summary>
    Granted,

    /// <summary>The claim is in the queue; <see cref="Claim.OnGranted"/> follows (and may have come already on another thread).</summary>
    Queued,

    /// <summary>A claim with the same id holds the lock already: same token, fresh TTL. See <see cref="AcquireResult.Claim"/>.</summary>
    AlreadyHeld,

    /// <summary>A claim with the same id is in the queue already and keeps its place (or went to the front, if that was asked).</summary>
    AlreadyQueued,
}

/// <summary>The answer of <see cref="LockTable.Acquire(Claim, in AcquireTerms, out ClaimNotices)"/>.</summary>
/// <param name="Status">What became of it.</param>
/// <param name="Claim">The claim that is in the table: the one given, or the one with the same id that was there before it.</param>
/// <param name="HolderRemaining">Not granted: time until the first holder's deadline, <see cref="Timeout.InfiniteTimeSpan"/> without
/// one.</param>
/// <param name="Holders">How many hold the key now.</param>
/// <param name="Waiters">How many wait for the key now, this claim included.</param>
internal readonly record struct AcquireResult(AcquireStatus Status, Claim Claim, TimeSpan HolderRemaining, int Holders, int Waiters);

/// <summary>How a claim wants to be taken in.</summary>
internal readonly record struct AcquireTerms
{
    /// <summary>Whether a claim that cannot be granted is queued.</summary>
    public bool Queue { get; init; }

    /// <summary>Whether it goes to the front of the queue.</summary>
    public bool Front { get; init; }

    /// <summary>How many may hold the key at once, at least 1; a property of the key that stays as long as the key is in use. 0: leave it
    /// as it is (1 for a new key). Raising it grants waiters at once; lowering it takes nothing away.</summary>
    public int Max { get; init; }

    /// <summary>Queue at most this many waiters on the key; one more gets <see cref="AcquireStatus.Busy"/>. 0: no limit.</summary>
    public int MaxWaiters { get; init; }
}
