namespace Locking;

/// <summary>One time-bounded grant of a lock. Dispose it to give the lock back.</summary>
/// <remarks>
/// <para>
/// The lease is renewed while the handle lives, unless <see cref="LockOptions.AutoRenew"/> is false. A handle that is dropped without being
/// disposed stops renewing when it is collected, and the lock ends with its TTL.
/// </para>
/// <para>
/// Not promised: that the lock is held until <see cref="UnlockAsync"/>. A process can be paused, a backend can lose its memory, an
/// operator can use force. Watch <see cref="LostToken"/>, call <see cref="ThrowIfLost"/> before an irrevocable step, and give
/// <see cref="FencingToken"/> to the resource.
/// </para>
/// </remarks>
public interface ILockHandle : IAsyncDisposable
{
    /// <summary>The whole key that is locked, with its namespace if it has one.</summary>
    string Key { get; }

    /// <summary>The id of this grant: unique to it, needed to release or extend it from elsewhere.</summary>
    string Id { get; }

    /// <summary>Who took the lock, for people: <see cref="LockOptions.Owner"/>, by default <c>host/pid</c>.</summary>
    string Owner { get; }

    /// <summary>A number that rises with every grant of this key; null only towards a foreign broker that has none.</summary>
    /// <remarks>A resource that remembers the highest number it has seen can refuse a holder that is late.</remarks>
    long? FencingToken { get; }

    /// <summary>How many attempts it took, from 1. A wake-up by the backend is part of the attempt it ends.</summary>
    int AcquiredOnAttempt { get; }

    /// <summary>How long the caller waited for the grant, as measured.</summary>
    TimeSpan AcquireDelay { get; }

    /// <summary>What is left until the loss is announced, unless it is renewed: zero when lost or released, <see cref="TimeSpan.MaxValue"/>
    /// without expiry, which no span exceeds.</summary>
    /// <remarks>No timer takes that value: limit it before you give it to <c>Task.Delay</c>, <c>CancelAfter</c> or a timeout. For work that
    /// must end with the lease give it <see cref="LostToken"/> instead.</remarks>
    TimeSpan Remaining { get; }

    /// <summary>Cancelled when the lease is lost: it ran out, was taken away, or its backend is gone for good. Never by
    /// unlocking.</summary>
    /// <remarks>
    /// The flag is set before the backend can grant the lock to anyone else, by a thread of its own, as long as the operating system lets
    /// that thread run within <see cref="LockOptions.LostMargin"/>. Callbacks run on the thread pool. Asking for it after the handle was
    /// unlocked gives the same token.
    /// </remarks>
    CancellationToken LostToken { get; }

    /// <summary>Why the lease was lost, or null while it is not.</summary>
    LostReason? LostReason { get; }

    /// <summary>Throws when the lease is lost. Reads the clock, so it is right even before a timer could fire.</summary>
    /// <exception cref="LockLostException">The lease is lost.</exception>
    /// <exception cref="ObjectDisposedException">The lock was already given back.</exception>
    void ThrowIfLost();

    /// <summary>Restarts the TTL with a new length; renewal, where there is one, goes on with that length.</summary>
    /// <param name="ttl">At least 1 ms, or <see cref="Timeout.InfiniteTimeSpan"/>; never reaches beyond
    /// <see cref="LockOptions.MaxHold"/>.</param>
    /// <param name="cancellationToken">Cancels the request; the lease then has its old or its new length.</param>
    /// <returns>This handle.</returns>
    /// <exception cref="LockLostException">The lease is lost; nothing has changed in the backend.</exception>
    /// <exception cref="LockStoreException">The backend failed or did not answer; the old validity stands.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="ttl"/> is zero or negative.</exception>
    /// <exception cref="ObjectDisposedException">The lock was already given back.</exception>
    ValueTask<ILockHandle> ExtendAsync(TimeSpan ttl, CancellationToken cancellationToken = default);

    /// <summary>As <see cref="ExtendAsync"/>, but answers false when the lease is lost.</summary>
    /// <inheritdoc cref="ExtendAsync" path="/param"/>
    /// <returns>False when the lease is lost; nothing has changed in the backend.</returns>
    /// <exception cref="LockStoreException">The backend failed or did not answer; the old validity stands.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="ttl"/> is zero or negative.</exception>
    /// <exception cref="ObjectDisposedException">The lock was already given back.</exception>
    ValueTask<bool> TryExtendAsync(TimeSpan ttl, CancellationToken cancellationToken = default);

    /// <summary>Gives the lock back. Retried within <see cref="LockOptions.ReleaseTimeout"/> while the backend does not answer.</summary>
    /// <returns>What became of the lock; asked again, the first outcome again. A backend that does not answer is
    /// <see cref="UnlockOutcome.Unknown"/>: the lock then ends with its TTL.</returns>
    ValueTask<UnlockOutcome> UnlockAsync();
}
