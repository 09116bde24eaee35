using RedLockNet;
using RedLockNet.SERedis;
using RedLockNet.SERedis.Configuration;

namespace Locking.Peers.Tests.Migration;

/// <summary>The code of docs/migration-redlock-net.md.</summary>
internal static class RedLockNetSnippets
{
    public static async Task<bool> BeforeAsync(
        IList<RedLockEndPoint> endPoints, string resource, TimeSpan expiryTime, TimeSpan waitTime, TimeSpan retryTime, Func<Task> work,
        CancellationToken cancellationToken)
    {
        Task WorkAsync() => work();

        // <before>
        using RedLockFactory factory = RedLockFactory.Create(endPoints);

        await using IRedLock redLock = await factory.CreateLockAsync(resource, expiryTime, waitTime, retryTime, cancellationToken);
        if (!redLock.IsAcquired)
            return false;
        await WorkAsync();
        return true;
        // </before>
    }

    public static async Task<bool> NowAsync(
        LockConfig config, string resource, TimeSpan expiryTime, TimeSpan waitTime, TimeSpan retryTime,
        Func<long?, CancellationToken, Task> work, CancellationToken cancellationToken)
    {
        Task WorkAsync(long? token, CancellationToken lost) => work(token, lost);

        // <now>
        await using ILock locks = Lock.Create(config);

        await using ILockHandle? handle = await locks.TryLockAsync(
            resource, new LockOptions { Ttl = expiryTime, WaitTimeout = waitTime, RetryDelay = retryTime }, cancellationToken);
        if (handle is null)
            return false;
        await WorkAsync(handle.FencingToken, handle.LostToken);
        return true;
        // </now>
    }
}
