using Medallion.Threading.Redis;
using StackExchange.Redis;

namespace Locking.Peers.Tests.Migration;

/// <summary>The code of docs/migration-distributedlock.md.</summary>
internal static class MedallionSnippets
{
    public static async Task<bool> BeforeAsync(
        IConnectionMultiplexer connection, string name, TimeSpan expiry, TimeSpan timeout, Func<CancellationToken, Task> work,
        CancellationToken cancellationToken)
    {
        Task WorkAsync(CancellationToken lost) => work(lost);

        // <before>
        RedisDistributedSynchronizationProvider provider = new(connection.GetDatabase(), options => options.Expiry(expiry));

        await using RedisDistributedLockHandle? handle = await provider.CreateLock(name).TryAcquireAsync(timeout, cancellationToken);
        if (handle is null)
            return false;
        await WorkAsync(handle.HandleLostToken);
        return true;
        // </before>
    }

    public static async Task<bool> NowAsync(
        IConnectionMultiplexer connection,
        LockConfig config,
        string name,
        TimeSpan expiry,
        TimeSpan timeout,
        Func<CancellationToken, long?, Task> work,
        CancellationToken cancellationToken)
    {
        Task WorkAsync(CancellationToken lost, long? token) => work(lost, token);

        // <now>
        await using ILock locks = Lock.Create(config, providers: [new RedisLockProvider(connection)]);

        await using ILockHandle? handle = await locks.TryLockAsync(
            name, new LockOptions { Ttl = expiry, WaitTimeout = timeout }, cancellationToken);
        if (handle is null)
            return false;
        await WorkAsync(handle.LostToken, handle.FencingToken);
        return true;
        // </now>
    }
}
