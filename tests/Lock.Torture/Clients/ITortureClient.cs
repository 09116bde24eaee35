namespace Locking.Torture;

/// <summary>A lock library, as far as the torture needs it.</summary>
public interface ITortureClient : IAsyncDisposable
{
    /// <summary>Whether a lease can be taken that is not renewed.</summary>
    bool CanLetExpire { get; }

    /// <summary>Asks for a lock.</summary>
    /// <param name="key">The key.</param>
    /// <param name="ttl">The lease.</param>
    /// <param name="wait">The longest wait; zero: one attempt; <see cref="Timeout.InfiniteTimeSpan"/>: for ever.</param>
    /// <param name="renew">Whether the lease is renewed.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Null when it was not free within the wait.</returns>
    /// <exception cref="LockStoreException">The store failed, in whatever words the library has for it.</exception>
    Task<ITortureHold?> TakeAsync(string key, TimeSpan ttl, TimeSpan wait, bool renew, CancellationToken cancellationToken);
}

/// <summary>A lock that is held.</summary>
public interface ITortureHold
{
    /// <summary>The fencing token; null where the library has none.</summary>
    long? Token { get; }

    /// <summary>What is left until the loss is announced; null when the library does not say.</summary>
    TimeSpan? Remaining { get; }

    /// <summary>Whether the loss was announced. Looks at a flag only: it must not find the loss out.</summary>
    bool IsLost { get; }

    /// <summary>Why, once it was.</summary>
    string Reason { get; }

    /// <summary>Makes the lease longer.</summary>
    /// <returns>False when it is lost; null when the library cannot.</returns>
    /// <exception cref="LockStoreException">The store failed.</exception>
    Task<bool?> ExtendAsync(TimeSpan ttl);

    /// <summary>Gives it back.</summary>
    /// <returns>The outcome; "Unknown" where the library says nothing.</returns>
    Task<string> ReleaseAsync();
}
