namespace Locking;

/// <summary>One key with its options, as a mutex object: lock, do the work, unlock. Made by <see cref="LockExtensions.Bind"/>.</summary>
/// <remarks>One caller at a time uses one object; several callers that want to exclude each other use one object each, with the same
/// key.</remarks>
public sealed class BoundLock : IAsyncDisposable
{
    private readonly ILock _locks;
    private readonly LockOptions? _options;
    private ILockHandle? _handle;

    internal BoundLock(ILock locks, string key, LockOptions? options)
    {
        _locks = locks;
        _options = options;
        Key = key;
    }

    /// <summary>The key.</summary>
    public string Key { get; }

    /// <summary>The handle of the grant that this object holds or held last; null before the first.</summary>
    public ILockHandle? Handle => Volatile.Read(ref _handle);

    /// <summary>Takes the lock, waiting as the options say (by default for ever).</summary>
    /// <returns>True when the lock is taken; false when it was not free within the wait.</returns>
    /// <exception cref="InvalidOperationException">This object already holds the lock.</exception>
    /// <exception cref="LockStoreException">The backend failed or did not answer.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public ValueTask<bool> LockAsync(CancellationToken cancellationToken = default) => TakeAsync(_options, cancellationToken);

    /// <summary>Takes the lock if it is free within a limit, which replaces what the options say of waiting.</summary>
    /// <param name="waitTimeout">How long to wait. Zero: one attempt; <see cref="Timeout.InfiniteTimeSpan"/>: for ever.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <returns>True when the lock is taken; false when it was not free within the wait.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="waitTimeout"/> is negative, or longer than 10,000 days.</exception>
    /// <inheritdoc cref="LockAsync(CancellationToken)" path="/exception"/>
    public ValueTask<bool> LockAsync(TimeSpan waitTimeout, CancellationToken cancellationToken = default) =>
        TakeAsync((_options ?? new LockOptions()) with { WaitTimeout = waitTimeout, RetryCount = null }, cancellationToken);

    /// <summary>Gives the lock back. Does nothing when it is not held.</summary>
    /// <returns>What became of the lock; <see cref="UnlockOutcome.AlreadyExpired"/> when it was never taken.</returns>
    public ValueTask<UnlockOutcome> UnlockAsync() =>
        Handle is { } handle ? handle.UnlockAsync() : ValueTask.FromResult(UnlockOutcome.AlreadyExpired);

    /// <summary>Gives the lock back if it is held. Never throws for a lost lock.</summary>
    public ValueTask DisposeAsync() => Handle?.DisposeAsync() ?? ValueTask.CompletedTask;

    private async ValueTask<bool> TakeAsync(LockOptions? options, CancellationToken cancellationToken)
    {
        if (Handle is { LostReason: null } held && held.Remaining != TimeSpan.Zero)
            throw new InvalidOperationException($"This object already holds the lock '{Key}'. Use one object for each caller.");
        try
        {
            ILockHandle granted = await _locks.LockAsync(Key, options, cancellationToken).ConfigureAwait(false);
            Volatile.Write(ref _handle, granted);
            return true;
        }
        catch (LockTimeoutException)
        {
            return false;
        }
    }
}
