using Locking.Conformance;
using Locking.Testing;

namespace Locking.InMemory.Tests.Leases;

/// <summary>A thread pool that other work blocks: waits end, and leases go on, in memory too.</summary>
[Collection(nameof(StarvedPoolTests))]
[CollectionDefinition(nameof(StarvedPoolTests), DisableParallelization = true)]
public sealed class StarvedPoolTests : StarvedPool
{
    protected override ILock NewLocks() => new InMemoryLock(table: new InMemoryLockTable());

    [Fact]
    public void A_lease_goes_on_while_the_pool_is_blocked()
    {
        using var table = new InMemoryLockTable();
        var ttl = TimeSpan.FromMilliseconds(500);
        var locks = new InMemoryLock(new LockOptions { Ttl = ttl }, table: table);
        ILockHandle held = locks.LockAsync("k").AsTask().GetAwaiter().GetResult();
        CancellationToken token = held.LostToken;
        long since = TimeProvider.System.GetTimestamp();
        using (new BlockedPool())
        {
            while (TimeProvider.System.GetElapsedTime(since) < ttl * 6)
            {
                Thread.Yield();
                Assert.False(token.IsCancellationRequested);
            }

            held.ThrowIfLost();
            Assert.True(locks.TryLockAsync("k").AsTask().GetAwaiter().GetResult() is null, "granted to another");
        }

        held.DisposeAsync().AsTask().Wait(Eventually.Patience);
        locks.DisposeAsync().AsTask().Wait(Eventually.Patience);
    }

    [Fact]
    public async Task A_wait_ends_on_time_and_is_not_granted_later_although_the_pool_is_busy()
    {
        using var table = new InMemoryLockTable();
        await using var locks = new InMemoryLock(table: table);
        ILockHandle holder = await locks.LockAsync("k");
        var open = new ManualResetEventSlim(); // not disposed: the pool may still look at it
        for (int i = 0; i < 1_000; i++)
            ThreadPool.UnsafeQueueUserWorkItem(_ => open.Wait(Eventually.Patience * 4), null);
        try
        {
            Task<ILockHandle?> tried = locks.TryLockAsync("k", TimeSpan.FromMilliseconds(300)).AsTask();
            Task<ILockHandle> waited = locks.LockAsync("k", TimeSpan.FromMilliseconds(300)).AsTask();

            // Not an await: the test must not need the pool either.
            Assert.True(SpinWait.SpinUntil(() => table.Table.Report("k").Waiters == 0, Eventually.Patience), "the waits went on");
            await holder.UnlockAsync();
            Assert.Null(await locks.GetAsync("k"));
            open.Set();
            Assert.Null(await tried);
            await Assert.ThrowsAsync<LockTimeoutException>(() => waited);
        }
        finally
        {
            open.Set();
        }
    }
}
