namespace Locking;

/// <summary>One key with its options, as a mutex object: lock, do the work, unlock. Made by <see cref="LockExtensions.Bind"/>.</summary>
/// <remarks>One caller at a time uses one object; several callers that want to exclude each other use one object each, with the same key.</remarks>
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
    public async ValueTask<bool> LockAsync(CancellationToken cancellationToken = default)
    {
        if (Handle is { LostReason: null } held && held.Remaining != TimeSpan.Zero)
            throw new InvalidOperationException($"This object already holds the lock '{Key}'. Use one object for each caller.");
        try
        {
            var granted = await _locks.LockAsync(Key, _options, cancellationToken).ConfigureAwait(false);
            Volatile.Write(ref _handle, granted);
            return true;
        }
        catch (LockTimeoutException)
        {
            return false;
        }
    }

    /// <summary>Gives the lock back. Does nothing when it is not held.</summary>
    /// <returns>What became of the lock; <see cref="UnlockOutcome.AlreadyExpired"/> when it was never taken.</returns>
    public ValueTask<UnlockOutcome> UnlockAsync() =>
        Handle is { } handle ? handle.UnlockAsync() : ValueTask.FromResult(UnlockOutcome.AlreadyExpired);

    /// <summary>Gives the lock back if it is held. Never throws for a lost lock.</summary>
    public ValueTask DisposeAsync() => Handle?.DisposeAsync() ?? ValueTask.CompletedTask;
}
