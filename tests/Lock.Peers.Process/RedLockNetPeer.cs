using RedLockNet;
using RedLockNet.SERedis;
using RedLockNet.SERedis.Configuration;
using StackExchange.Redis;

namespace Locking.Peers;

/// <summary>RedLock.net.</summary>
internal sealed class RedLockNetPeer(ConnectionMultiplexer[] connections) : IPeer
{
    private readonly RedLockFactory _factory =
        RedLockFactory.Create([.. connections.Select(static connection => new RedLockMultiplexer(connection))]);

    public async Task<IPeerHold?> TryTakeAsync(string name, TimeSpan expiry, TimeSpan wait)
    {
        IRedLock taken = wait == TimeSpan.Zero
            ? await _factory.CreateLockAsync(name, expiry)
            : await _factory.CreateLockAsync(name, expiry, wait, TimeSpan.FromMilliseconds(20));
        if (taken.IsAcquired)
            return new Hold(taken);
        await taken.DisposeAsync();
        return null;
    }

    public async ValueTask DisposeAsync()
    {
        _factory.Dispose();
        foreach (ConnectionMultiplexer connection in connections)
            await connection.DisposeAsync();
    }

    private sealed class Hold(IRedLock held) : IPeerHold
    {
        public bool? IsLost => null;

        public async Task ReleaseAsync() => await held.DisposeAsync();
    }
}
