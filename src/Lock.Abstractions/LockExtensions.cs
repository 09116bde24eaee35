namespace Locking;

/// <summary>Shorter forms of the calls of <see cref="ILock"/>.</summary>
public static class LockExtensions
{
    /// <summary><see cref="ILock.LockAsync"/> with a fixed lease: not renewed, extend it yourself.</summary>
    /// <param name="locks">The locks.</param>
    /// <param name="key">The key.</param>
    /// <param name="ttl">At least 1 ms, or <see cref="Timeout.InfiniteTimeSpan"/>.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    public static ValueTask<ILockHandle> LockAsync(
        this ILock locks, string key, TimeSpan ttl, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(locks);
        return locks.LockAsync(key, new LockOptions { Ttl = ttl }, cancellationToken);
    }

    /// <summary><see cref="ILock.LockAsync"/> with the configured options.</summary>
    /// <inheritdoc cref="LockAsync(ILock, string, TimeSpan, CancellationToken)" path="/param"/>
    public static ValueTask<ILockHandle> LockAsync(this ILock locks, string key, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(locks);
        return locks.LockAsync(key, null, cancellationToken);
    }

    /// <summary><see cref="ILock.TryLockAsync"/> with a fixed lease: not renewed, extend it yourself.</summary>
    /// <inheritdoc cref="LockAsync(ILock, string, TimeSpan, CancellationToken)" path="/param"/>
    public static ValueTask<ILockHandle?> TryLockAsync(
        this ILock locks, string key, TimeSpan ttl, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(locks);
        return locks.TryLockAsync(key, new LockOptions { Ttl = ttl }, cancellationToken);
    }

    /// <summary><see cref="ILock.TryLockAsync"/> with the configured options.</summary>
    /// <inheritdoc cref="LockAsync(ILock, string, TimeSpan, CancellationToken)" path="/param"/>
    public static ValueTask<ILockHandle?> TryLockAsync(this ILock locks, string key, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(locks);
        return locks.TryLockAsync(key, null, cancellationToken);
    }

    /// <summary><see cref="ILock.LockNsAsync"/> with a fixed lease: not renewed, extend it yourself.</summary>
    /// <inheritdoc cref="LockAsync(ILock, string, TimeSpan, CancellationToken)" path="/param"/>
    public static ValueTask<ILockHandle> LockNsAsync(
        this ILock locks, string key, TimeSpan ttl, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(locks);
        return locks.LockNsAsync(key, new LockOptions { Ttl = ttl }, cancellationToken);
    }

    /// <summary>A mutex object: one key with its options, whose <see cref="BoundLock.LockAsync"/> answers with a boolean.</summary>
    /// <param name="locks">The locks; they outlive the bound lock.</param>
    /// <param name="key">The key.</param>
    /// <param name="options">What this lock does differently from the configuration, or null.</param>
    public static BoundLock Bind(this ILock locks, string key, LockOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(locks);
        ArgumentException.ThrowIfNullOrEmpty(key);
        return new BoundLock(locks, key, options);
    }
}
