namespace Locking.Peers;

/// <summary>This library: <c>redis</c> over one server, <c>redLock</c> over several.</summary>
internal sealed class OwnPeer : IPeer
{
    private readonly StoreLock _locks;

    public OwnPeer(IReadOnlyList<int> ports, string format)
    {
        // Nodes that are up are waited for, however busy the machine is.
        var options = new LockOptions { RetryDelay = TimeSpan.FromMilliseconds(20) };
        var endpoints = ports.Select(static port => new RedisLockSettings { Port = port }).ToList();
        ILockStore store = endpoints.Count == 1
            ? new RedisLockProvider().CreateStore(endpoints[0] with { Format = format }, options)
            : new RedLockProvider().CreateStore(
                new RedLockSettings { Endpoints = endpoints, Format = format, NodeTimeout = TimeSpan.FromSeconds(5) }, options);
        _locks = new StoreLock(store, options);
    }

    public async Task<IPeerHold?> TryTakeAsync(string name, TimeSpan expiry, TimeSpan wait) =>
        await _locks.TryLockAsync(name, new LockOptions { Ttl = expiry, WaitTimeout = wait, AutoRenew = true }) is { } held
            ? new Hold(held)
            : null;

    public ValueTask DisposeAsync() => _locks.DisposeAsync();

    private sealed class Hold(ILockHandle held) : IPeerHold
    {
        public bool? IsLost => held.LostToken.IsCancellationRequested;

        public async Task ReleaseAsync() => await held.UnlockAsync();
    }
}
