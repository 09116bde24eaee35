namespace Locking.Conformance;

/// <summary>What a store says of itself. The suite holds it to each word: an ability that is claimed is tested,
/// one that is not claimed must be absent.</summary>
public sealed record StoreAbilities
{
    /// <summary>Whether grants carry fencing tokens. Without: the token is null everywhere. Default true.</summary>
    public bool IssuesFencingTokens { get; init; } = true;

    /// <summary>Whether a lease may be without expiry. Without: <see cref="Timeout.InfiniteTimeSpan"/> is refused with an
    /// <see cref="ArgumentException"/> and changes nothing. Default true.</summary>
    public bool SupportsNoExpiry { get; init; } = true;

    /// <summary>The unit of leases, above zero: the backend rounds a ttl up to a whole number of these, and may do so from both sides of
    /// the seam (what a lease has left is counted from the rounded ttl). Never down. Default 1 ms.</summary>
    public TimeSpan TtlStep { get; init; } = TimeSpan.FromMilliseconds(1);

    /// <summary>Whether the owner is kept and shown. Without: it is empty. Default true.</summary>
    public bool KeepsOwner { get; init; } = true;

    /// <summary>Whether a busy answer tells what is left of the holder's lease. Without: null. Default true.</summary>
    public bool TellsHolderRemaining { get; init; } = true;

    /// <summary>Whether waiters of different instances are served first in, first out: those of <see cref="IWaitingStore"/>, or those that
    /// ask with <see cref="AcquireRequest.Queue"/>. Without: each is served once, in any order. Default false.</summary>
    public bool IsFair { get; init; }

    /// <summary>Whether the store is an <see cref="IWaitingStore"/>. Without: a waiter asks again and again. Default false.</summary>
    public bool QueuesWaiters { get; init; }

    /// <summary>Whether the store is an <see cref="IReleaseSignal"/>. Without: asking again sees the release. Default false.</summary>
    public bool SignalsRelease { get; init; }

    /// <summary>Whether the store is an <see cref="ILossSignal"/>, and tells the holder of a lock that was taken by force.
    /// Default false.</summary>
    public bool SignalsLoss { get; init; }

    /// <summary>Whether the store is an <see cref="IForceReleaseStore"/>. Without: reading the holder and releasing its id does it.
    /// Default false.</summary>
    public bool ForcesRelease { get; init; }
}
