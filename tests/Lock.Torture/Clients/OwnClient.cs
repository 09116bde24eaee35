namespace Locking.Torture;

/// <summary>This library.</summary>
public sealed class OwnClient(ILock locks) : ITortureClient
{
    /// <inheritdoc/>
    public bool CanLetExpire => true;

    /// <summary>Made of a configuration, as every program makes it.</summary>
    public static OwnClient Of(string config) => new(Lock.Create(config));

    /// <inheritdoc/>
    public async Task<ITortureHold?> TakeAsync(string key, TimeSpan ttl, TimeSpan wait, bool renew, CancellationToken cancellationToken) =>
        await locks.TryLockAsync(key, new LockOptions { Ttl = ttl, WaitTimeout = wait, AutoRenew = renew }, cancellationToken) is { } handle
            ? new Hold(handle)
            : null;

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => locks.DisposeAsync();

    private sealed class Hold(ILockHandle handle) : ITortureHold
    {
        // The token itself: asking the handle for it may find out what the signal should have told.
        private readonly CancellationToken _lost = handle.LostToken;

        public long? Token => handle.FencingToken;

        public TimeSpan? Remaining => handle.Remaining;

        public bool IsLost => _lost.IsCancellationRequested;

        public string Reason => $"{handle.LostReason}";

        public async Task<bool?> ExtendAsync(TimeSpan ttl) => await handle.TryExtendAsync(ttl);

        public async Task<string> ReleaseAsync() => $"{await handle.UnlockAsync()}";
    }
}
