namespace Locking.Providers;

/// <summary>Optional ability of a store: tells a waiter that a lock may be free. A hint only; the engine still polls as a safety
/// net.</summary>
public interface IReleaseSignal
{
    /// <summary>Starts listening for a key. Who asks for the lock after this call has completed, and is answered busy, is told when that
    /// lease is released or taken by force; a store need not tell of others. The store may have made the one it tells the holder already:
    /// asking is what shows it.</summary>
    /// <exception cref="LockStoreException">The backend failed or did not answer.</exception>
    ValueTask<IReleaseWatch> WatchAsync(string key, CancellationToken cancellationToken);
}

/// <summary>One waiter's ear at one key. Disposing stops listening.</summary>
public interface IReleaseWatch : IAsyncDisposable
{
    /// <summary>
    /// Waits for the next notice. Notices are latched: one that came since the last call (or since the watch began) answers at once.
    /// A connection that broke and came back counts as a notice, since one may have been missed meanwhile.
    /// </summary>
    /// <param name="atMost">The longest wait; at least zero, or <see cref="Timeout.InfiniteTimeSpan"/>.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>True on a notice, false when the time is up.</returns>
    ValueTask<bool> WaitAsync(TimeSpan atMost, CancellationToken cancellationToken);
}
