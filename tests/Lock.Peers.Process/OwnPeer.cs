namespace Locking.Peers;

/// <summary>This library: <c>redis</c> over one server, <c>redLock</c> over several.</summary>
internal sealed class OwnPeer : IPeer
{
    private readonly StoreLock _locks;

    public OwnPeer(IReadOnlyList<int> ports, string format)
    {
        // Nodes that are up are waited for, however busy the machine is.
        var options = new LockOptions { Format = format, RetryDelay = TimeSpan.FromMilliseconds(20), NodeTimeout = ports.Count > 1 ? TimeSpan.FromSeconds(5) : null };
        var endpoints = ports.Select(static port => new LockConnection { Port = port }).ToList();
        ILockProvider provider = endpoints.Count == 1 ? new RedisLockProvider() : new RedLockLockProvider();
        var connection = endpoints.Count == 1 ? endpoints[0] : new LockConnection { Endpoints = endpoints };
        var store = provider.CreateStore(new LockConfig { Type = provider.Type, Connection = connection, LockOptions = options }, LockProviderContext.Default);
        _locks = new StoreLock(store, options);
    }

    public async Task<IPeerHold?> TryTakeAsync(string name, TimeSpan expiry, TimeSpan wait) =>
        await _locks.TryLockAsync(name, new LockOptions { Ttl = expiry, WaitTimeout = wait, AutoRenew = true }) is { } held ? new Hold(held) : null;

    public ValueTask DisposeAsync() => _locks.DisposeAsync();

    private sealed class Hold(ILockHandle held) : IPeerHold
    {
        public bool? IsLost => held.LostToken.IsCancellationRequested;

        public async Task ReleaseAsync() => await held.UnlockAsync();
    }
}
