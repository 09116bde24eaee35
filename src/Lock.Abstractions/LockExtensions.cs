namespace Locking;

/// <summary>Shorter forms of the calls of <see cref="ILock"/>. A bare time is always the wait, never the TTL.</summary>
public static class LockExtensions
{
    /// <summary><see cref="ILock.LockAsync"/> with a limit of the wait: it replaces what the configuration says of waiting.</summary>
    /// <param name="locks">The locks.</param>
    /// <param name="key">The key.</param>
    /// <param name="waitTimeout">How long to wait. Zero: one attempt; <see cref="Timeout.InfiniteTimeSpan"/>: for ever. Not the TTL, which
    /// is <see cref="LockOptions.Ttl"/>.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <returns>The handle of the granted lease; dispose it to give the lock back.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="waitTimeout"/> is negative, or longer than 10,000 days.</exception>
    /// <exception cref="LockTimeoutException">The lock was not free within <paramref name="waitTimeout"/>.</exception>
    public static ValueTask<ILockHandle> LockAsync(
        this ILock locks, string key, TimeSpan waitTimeout, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(locks);
        return locks.LockAsync(key, Within(waitTimeout), cancellationToken);
    }

    /// <summary><see cref="ILock.LockAsync"/> with the configured options.</summary>
    /// <inheritdoc cref="LockAsync(ILock, string, TimeSpan, CancellationToken)" path="/param"/>
    public static ValueTask<ILockHandle> LockAsync(this ILock locks, string key, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(locks);
        return locks.LockAsync(key, null, cancellationToken);
    }

    /// <summary><see cref="ILock.TryLockAsync"/> with a limit of the wait: it replaces what the configuration says of waiting.</summary>
    /// <inheritdoc cref="LockAsync(ILock, string, TimeSpan, CancellationToken)" path="/param"/>
    /// <returns>The handle, or null when the lock was not free within <paramref name="waitTimeout"/>. Null never hides a fault.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="waitTimeout"/> is negative, or longer than 10,000 days.</exception>
    public static ValueTask<ILockHandle?> TryLockAsync(
        this ILock locks, string key, TimeSpan waitTimeout, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(locks);
        return locks.TryLockAsync(key, Within(waitTimeout), cancellationToken);
    }

    /// <summary><see cref="ILock.TryLockAsync"/> with the configured options.</summary>
    /// <inheritdoc cref="LockAsync(ILock, string, TimeSpan, CancellationToken)" path="/param"/>
    public static ValueTask<ILockHandle?> TryLockAsync(this ILock locks, string key, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(locks);
        return locks.TryLockAsync(key, null, cancellationToken);
    }

    /// <summary><see cref="ILock.LockNsAsync"/> with a limit of the wait: it replaces what the configuration says of waiting.</summary>
    /// <inheritdoc cref="LockAsync(ILock, string, TimeSpan, CancellationToken)"/>
    /// <exception cref="InvalidOperationException"><paramref name="locks"/> has no namespace.</exception>
    public static ValueTask<ILockHandle> LockNsAsync(
        this ILock locks, string key, TimeSpan waitTimeout, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(locks);
        return locks.LockNsAsync(key, Within(waitTimeout), cancellationToken);
    }

    /// <summary><see cref="ILock.LockNsAsync"/> with the configured options.</summary>
    /// <inheritdoc cref="LockAsync(ILock, string, TimeSpan, CancellationToken)" path="/param"/>
    public static ValueTask<ILockHandle> LockNsAsync(this ILock locks, string key, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(locks);
        return locks.LockNsAsync(key, null, cancellationToken);
    }

    /// <summary><see cref="ILock.TryLockNsAsync"/> with a limit of the wait: it replaces what the configuration says of waiting.</summary>
    /// <inheritdoc cref="TryLockAsync(ILock, string, TimeSpan, CancellationToken)"/>
    /// <exception cref="InvalidOperationException"><paramref name="locks"/> has no namespace.</exception>
    public static ValueTask<ILockHandle?> TryLockNsAsync(
        this ILock locks, string key, TimeSpan waitTimeout, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(locks);
        return locks.TryLockNsAsync(key, Within(waitTimeout), cancellationToken);
    }

    /// <summary><see cref="ILock.TryLockNsAsync"/> with the configured options.</summary>
    /// <inheritdoc cref="LockAsync(ILock, string, TimeSpan, CancellationToken)" path="/param"/>
    public static ValueTask<ILockHandle?> TryLockNsAsync(this ILock locks, string key, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(locks);
        return locks.TryLockNsAsync(key, null, cancellationToken);
    }

    /// <summary>A mutex object: one key with its options, whose <c>LockAsync</c> answers with a boolean.</summary>
    /// <param name="locks">The locks; they outlive the bound lock.</param>
    /// <param name="key">The whole key.</param>
    /// <param name="options">What this lock does differently from the configuration, or null.</param>
    public static BoundLock Bind(this ILock locks, string key, LockOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(locks);
        ArgumentException.ThrowIfNullOrEmpty(key);
        return new BoundLock(locks, key, options);
    }

    /// <summary><see cref="Bind"/> with the key <c>namespace:key</c>.</summary>
    /// <param name="locks">The locks; they outlive the bound lock.</param>
    /// <param name="key">The key within the namespace.</param>
    /// <param name="options">What this lock does differently from the configuration, or null.</param>
    /// <exception cref="InvalidOperationException"><paramref name="locks"/> has no namespace.</exception>
    public static BoundLock BindNs(this ILock locks, string key, LockOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(locks);
        ArgumentException.ThrowIfNullOrEmpty(key);
        if (locks.Namespace is not { } ns)
        {
            throw new InvalidOperationException(
                "This lock has no namespace. Set 'namespace' in the configuration, or use Bind with the whole key.");
        }

        return new BoundLock(locks, $"{ns}:{key}", options);
    }

    private static LockOptions Within(TimeSpan waitTimeout) => new() { WaitTimeout = waitTimeout };
}
