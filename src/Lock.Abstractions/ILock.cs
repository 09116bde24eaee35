namespace Locking;

/// <summary>Takes locks by key, whatever the backend behind it.</summary>
/// <remarks>
/// <para>Made by <c>Lock.Create</c> or <c>AddLock</c>. Thread-safe and long-lived: one per process and configuration is enough.</para>
/// <para><b>Not re-entrant.</b> A caller that asks for a key that it already holds waits for itself, as any other caller would.</para>
/// <para>
/// Outcomes are never mixed: <i>busy</i> is <see langword="null"/> from a <c>Try…</c> method or <see cref="LockTimeoutException"/>;
/// <i>cancelled</i> is always <see cref="OperationCanceledException"/>; <i>backend failed or did not answer</i> is
/// <see cref="LockStoreException"/>; <i>lost while held</i> is <see cref="ILockHandle.LostToken"/>.
/// </para>
/// <para>
/// Not promised: that the holder's process notices a loss while it is paused. A paused process is told as soon as it runs again;
/// whatever it had sent before must be refused by the resource itself, with <see cref="ILockHandle.FencingToken"/>.
/// </para>
/// <para>Keys are non-empty strings of at most 1,024 bytes of UTF-8; case matters; no two different keys ever exclude each other.</para>
/// </remarks>
public interface ILock : IAsyncDisposable
{
    /// <summary>The namespace that <see cref="LockNsAsync"/> and <see cref="TryLockNsAsync"/> put before a key, or null.</summary>
    string? Namespace { get; }

    /// <summary>Takes the lock, waiting for it as the options say (by default for ever).</summary>
    /// <remarks>
    /// Callers of one process are served first in, first out. Cancelling gives up the place in the queue; a request that was already
    /// on its way is resolved in the background, so that no lock stays behind.
    /// </remarks>
    /// <param name="key">The key: not empty, at most 1,024 bytes of UTF-8.</param>
    /// <param name="options">What this call does differently from the configuration, or null: everything but what belongs to the backend
    /// (see <see cref="LockOptions"/>).</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <returns>The handle of the granted lease; dispose it to give the lock back.</returns>
    /// <exception cref="ArgumentException">The key is empty or too long, two options do not go together, or an option belongs to the
    /// backend's configuration.</exception>
    /// <exception cref="LockTimeoutException">The lock was not free within the wait.</exception>
    /// <exception cref="LockStoreException">The backend failed or did not answer.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">This object was disposed, before the call or during the wait.</exception>
    ValueTask<ILockHandle> LockAsync(string key, LockOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>Takes the lock if it is free within the wait, by default one attempt.</summary>
    /// <remarks>Without a wait it returns null at once when another caller of this process is already waiting for the key.</remarks>
    /// <inheritdoc cref="LockAsync" path="/param"/>
    /// <returns>The handle, or null when somebody else holds the lock. Null never hides a fault.</returns>
    /// <exception cref="ArgumentException">The key is empty or too long, two options do not go together, or an option belongs to the
    /// backend's configuration.</exception>
    /// <exception cref="LockStoreException">The backend failed or did not answer, or so late that nothing was left of the
    /// lease.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">This object was disposed, before the call or during the wait.</exception>
    ValueTask<ILockHandle?> TryLockAsync(string key, LockOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary><see cref="LockAsync"/> with the key <c>namespace:key</c>.</summary>
    /// <inheritdoc cref="LockAsync"/>
    /// <exception cref="InvalidOperationException">This object has no namespace.</exception>
    ValueTask<ILockHandle> LockNsAsync(string key, LockOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary><see cref="TryLockAsync"/> with the key <c>namespace:key</c>.</summary>
    /// <inheritdoc cref="TryLockAsync"/>
    /// <exception cref="InvalidOperationException">This object has no namespace.</exception>
    ValueTask<ILockHandle?> TryLockNsAsync(string key, LockOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>Says who holds the lock now. For people and diagnostics: it may have changed before the answer arrives.</summary>
    /// <param name="key">The whole key, with its namespace if it has one.</param>
    /// <param name="cancellationToken">Cancels the question.</param>
    /// <returns>The holder, or null when nobody holds the lock.</returns>
    /// <exception cref="LockStoreException">The backend failed or did not answer.</exception>
    ValueTask<LockInfo?> GetAsync(string key, CancellationToken cancellationToken = default);

    /// <summary>Lists the locks that are held now, in no particular order. For people and diagnostics; not a snapshot.</summary>
    /// <param name="prefix">Only keys that begin with this, compared byte by byte; null or empty for all.</param>
    /// <param name="cancellationToken">Cancels the listing.</param>
    /// <exception cref="LockStoreException">The backend failed or did not answer.</exception>
    IAsyncEnumerable<LockInfo> ListAsync(string? prefix = null, CancellationToken cancellationToken = default);

    /// <summary>Gives back a lock by the id of its grant, from anywhere.</summary>
    /// <param name="key">The whole key.</param>
    /// <param name="id">The <see cref="ILockHandle.Id"/> of the grant.</param>
    /// <param name="cancellationToken">Cancels the request; its outcome is then unknown.</param>
    /// <returns>What became of the lock. Nothing changes unless it is <see cref="UnlockOutcome.Released"/>.</returns>
    /// <exception cref="LockStoreException">The backend failed or did not answer.</exception>
    ValueTask<UnlockOutcome> UnlockAsync(string key, string id, CancellationToken cancellationToken = default);

    /// <summary>Restarts the TTL of a live lease by the id of its grant, from anywhere.</summary>
    /// <param name="key">The whole key.</param>
    /// <param name="id">The <see cref="ILockHandle.Id"/> of the grant.</param>
    /// <param name="ttl">The new lifetime, counted by the backend's clock from now: at least 1 ms, or
    /// <see cref="Timeout.InfiniteTimeSpan"/> for never.</param>
    /// <param name="cancellationToken">Cancels the request; its outcome is then unknown.</param>
    /// <returns>False when that grant does not hold the lock any more; nothing has changed then.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="ttl"/> is zero or negative.</exception>
    /// <exception cref="LockStoreException">The backend failed or did not answer.</exception>
    ValueTask<bool> TryExtendAsync(string key, string id, TimeSpan ttl, CancellationToken cancellationToken = default);

    /// <summary>Takes the lock away from whoever holds it. Its holder is told as soon as the backend can.</summary>
    /// <param name="key">The whole key.</param>
    /// <param name="cancellationToken">Cancels the request; its outcome is then unknown.</param>
    /// <returns>False when nobody held the lock.</returns>
    /// <exception cref="LockStoreException">The backend failed or did not answer.</exception>
    ValueTask<bool> ForceUnlockAsync(string key, CancellationToken cancellationToken = default);
}
