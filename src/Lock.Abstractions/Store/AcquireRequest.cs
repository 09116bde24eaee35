namespace Locking.Providers;

/// <summary>What a holder asks of a store. Immutable, and the same object for every attempt of one holder.</summary>
public sealed class AcquireRequest
{
    /// <summary>Creates the request.</summary>
    /// <param name="key">The whole key.</param>
    /// <param name="holderId">The id of this acquisition, a version 4 UUID with dashes.</param>
    /// <param name="owner">Who asks, for people.</param>
    /// <param name="ttl">The lease: at least 1 ms, or <see cref="Timeout.InfiniteTimeSpan"/>.</param>
    public AcquireRequest(string key, string holderId, string owner, TimeSpan ttl)
    {
        Key = key;
        HolderId = holderId;
        Owner = owner;
        Ttl = ttl;
    }

    /// <summary>The whole key.</summary>
    public string Key { get; }

    /// <summary>The id of this acquisition; unique to it.</summary>
    public string HolderId { get; }

    /// <summary>Who asks, for people; never compared.</summary>
    public string Owner { get; }

    /// <summary>The lease, counted by the backend's clock; <see cref="Timeout.InfiniteTimeSpan"/>: never expires.</summary>
    public TimeSpan Ttl { get; }

    /// <summary>Whether the holder goes on waiting when the lock is busy, so that a store with a queue keeps a place for it. The place is
    /// given up by <see cref="ILockStore.TryReleaseAsync"/>, and by the store itself when the holder stays silent.</summary>
    public bool Queue { get; init; }

    /// <summary>Whether the lease outlives the connection or session it was taken on.</summary>
    public bool KeepOnDisconnect { get; init; }

    /// <summary>Told by a store that waits (<see cref="IWaitingStore"/>) how the wait goes; null: nobody wants to know.</summary>
    public IWaitProgress? Progress { get; init; }
}
