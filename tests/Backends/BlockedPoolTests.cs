using Locking.Conformance;

namespace Locking;

/// <summary>A thread pool that other work blocks for several ttls: the client needs the pool, so that a lease is not renewed,
/// and is lost on time.</summary>
public abstract class BlockedPoolTests
{
    [Fact]
    public async Task A_lease_is_lost_on_time_while_the_pool_is_blocked()
    {
        TimeSpan ttl = TimeSpan.FromSeconds(3);
        string key = $"starved/{Guid.NewGuid()}";
        await using IAsyncDisposable server = await StartAsync();
        await using StoreLock locks = new(NewStore(server), new LockOptions { Ttl = ttl });
        ILockHandle handle = await locks.LockAsync(key);
        CancellationToken lost = handle.LostToken;
        long since = TimeProvider.System.GetTimestamp();

        // On this thread: an await would need the pool.
        using (new BlockedPool())
        {
            while (!lost.IsCancellationRequested && TimeProvider.System.GetElapsedTime(since) < Eventually.Patience)
                Thread.Sleep(10);
        }

        Assert.True(lost.IsCancellationRequested);
        Assert.Equal(LostReason.Expired, handle.LostReason);
        await using ILockHandle next = await locks.LockAsync(key);
        Assert.True(next.FencingToken > handle.FencingToken);
    }

    /// <summary>Starts a server of the test's own: behind a blocked pool a class's fixture is not disposed of.</summary>
    protected abstract Task<IAsyncDisposable> StartAsync();

    /// <summary>A store of that server.</summary>
    protected abstract ILockStore NewStore(IAsyncDisposable server);
}
