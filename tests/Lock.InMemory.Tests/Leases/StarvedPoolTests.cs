using Locking.Conformance;

namespace Locking.InMemory.Tests.Leases;

/// <summary>A wait ends on time whatever the thread pool is doing. Runs when nothing else of this assembly does, since it takes the pool away.</summary>
[Collection(nameof(StarvedPoolTests))]
[CollectionDefinition(nameof(StarvedPoolTests), DisableParallelization = true)]
public sealed class StarvedPoolTests
{
    [Fact]
    public async Task A_wait_ends_on_time_and_is_not_granted_later_although_the_pool_is_busy()
    {
        using var table = new InMemoryLockTable();
        await using var locks = new InMemoryLock(table: table);
        var holder = await locks.LockAsync("k");
        var open = new ManualResetEventSlim(); // not disposed: the pool may still look at it
        for (var i = 0; i < 1_000; i++)
            ThreadPool.UnsafeQueueUserWorkItem(_ => open.Wait(Eventually.Patience * 4), null);
        try
        {
            var tried = locks.TryLockAsync("k", TimeSpan.FromMilliseconds(300)).AsTask();
            var waited = locks.LockAsync("k", TimeSpan.FromMilliseconds(300)).AsTask();

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
