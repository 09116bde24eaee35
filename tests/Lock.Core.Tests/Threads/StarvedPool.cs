using System.Collections.Concurrent;
using Locking.Conformance;

namespace Locking.Testing;

/// <summary>A thread pool that other work blocks: what holds over a store and in memory.</summary>
public abstract class StarvedPool
{
    /// <summary>Locks that nobody else uses, on the system's time.</summary>
    protected abstract ILock NewLocks();

    [Fact]
    public void Waits_of_callers_that_block_end_while_the_pool_is_blocked_and_name_their_own_holder()
    {
        const int Callers = 60;
        ILock locks = NewLocks();
        ILockHandle held = locks.LockAsync("k", new LockOptions { Ttl = TimeSpan.FromMinutes(5), Owner = "tester" }).AsTask()
            .GetAwaiter().GetResult();
        var ended = new ConcurrentQueue<Exception?>();
        using var all = new CountdownEvent(Callers);
        using (new BlockedPool())
        {
            for (int i = 0; i < Callers; i++)
            {
                new Thread(() =>
                {
                    ended.Enqueue(Record.Exception(() =>
                    {
                        _ = locks.LockAsync("k", new LockOptions { WaitTimeout = TimeSpan.FromMilliseconds(300) }).AsTask()
                            .GetAwaiter().GetResult();
                    }));
                    all.Signal();
                }) { IsBackground = true }.Start();
            }

            Assert.True(all.Wait(Eventually.Patience), $"{all.CurrentCount} waits did not end while the pool was blocked");
        }

        Assert.All(ended, end => Assert.Contains(
            $"the same ILock object holds it (owner 'tester', id {held.Id}", Assert.IsType<LockTimeoutException>(end).Message,
            StringComparison.Ordinal));
        held.DisposeAsync().AsTask().Wait(Eventually.Patience);
        locks.DisposeAsync().AsTask().Wait(Eventually.Patience);
    }
}
