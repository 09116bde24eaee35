using Medallion.Threading.Redis;
using StackExchange.Redis;

namespace Locking.Peers;

/// <summary>DistributedLock.Redis.</summary>
internal sealed class MedallionPeer(ConnectionMultiplexer[] connections) : IPeer
{
    public async Task<IPeerHold?> TryTakeAsync(string name, TimeSpan expiry, TimeSpan wait)
    {
        var theLock = new RedisDistributedLock(
            name,
            [.. connections.Select(static connection => connection.GetDatabase())],
            options => options.Expiry(expiry).BusyWaitSleepTime(TimeSpan.FromMilliseconds(10), TimeSpan.FromMilliseconds(30)));
        return await theLock.TryAcquireAsync(wait) is { } held ? new Hold(held) : null;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (ConnectionMultiplexer connection in connections)
            await connection.DisposeAsync();
    }

    private sealed class Hold(RedisDistributedLockHandle held) : IPeerHold
    {
        public bool? IsLost => held.HandleLostToken.IsCancellationRequested;

        public async Task ReleaseAsync() => await held.DisposeAsync();
    }
}
