using Locking.Conformance;

namespace Locking.Core.Tests;

/// <summary>The lost signal on the system's clock: on time whatever the pool, the store or a callback is doing.</summary>
public sealed class LostSignalTests
{
    private static readonly TimeSpan Ttl = TimeSpan.FromMilliseconds(400);

    /// <summary>Of the time that the machine lets this test run. A pool that is starved would be late by many seconds.</summary>
    private static readonly TimeSpan Margin = TimeSpan.FromMilliseconds(300);

    /// <summary>What a turn of the watching loop takes when nothing is in its way, with timers that count in ticks of 10 ms.</summary>
    private static readonly TimeSpan Turn = TimeSpan.FromMilliseconds(20);

    [Fact]
    public async Task The_flag_is_set_on_time_while_the_thread_pool_is_starved()
    {
        await using var locks = new StoreLock(new ScriptedStore(TimeProvider.System));
        var handle = await locks.LockAsync("k", EngineTest.Fixed(Ttl));
        var token = handle.LostToken;
        var open = new ManualResetEventSlim(); // not disposed: the pool may still look at it
        for (var i = 0; i < 200; i++)
            ThreadPool.UnsafeQueueUserWorkItem(_ => open.Wait(TimeSpan.FromSeconds(20)), null);
        try
        {
            // Not an await: the test must not need the pool either.
            Assert.True(FlagIsSetWithin(Ttl + Margin, token), "the flag was late");
        }
        finally
        {
            open.Set();
        }
    }

    [Fact]
    public async Task A_callback_that_blocks_delays_no_other_flag()
    {
        await using var locks = new StoreLock(new ScriptedStore(TimeProvider.System));
        var open = new ManualResetEventSlim(); // not disposed: the pool may still look at it
        var blocked = await locks.LockAsync("a", EngineTest.Fixed(Ttl));
        using var registration = blocked.LostToken.Register(() => open.Wait(TimeSpan.FromSeconds(20)));
        var other = (await locks.LockAsync("b", EngineTest.Fixed(Ttl))).LostToken;
        try
        {
            Assert.True(FlagIsSetWithin(Ttl + Margin, other), "the flag was late");
        }
        finally
        {
            open.Set();
        }
    }

    [Fact]
    public async Task A_store_that_hangs_in_a_renewal_delays_nothing()
    {
        var renewal = new Hang<StoreReply>();
        var ttl = TimeSpan.FromSeconds(3);
        var store = new ScriptedStore(TimeProvider.System) { OnExtend = (_, _, _, _) => renewal.DeafAsync() };
        await using var locks = new StoreLock(store, new LockOptions { Ttl = ttl });
        var handle = await locks.LockAsync("k");
        await renewal.Begun.WaitAsync(Eventually.Patience);
        Assert.True(FlagIsSetWithin(handle.Remaining + Margin, handle.LostToken), "the flag was late");
        Assert.Equal(1, store.Extends);
        await handle.DisposeAsync();
    }

    [Fact]
    public async Task Callbacks_run_on_the_pool()
    {
        await using var locks = new StoreLock(new ScriptedStore(TimeProvider.System));
        var handle = await locks.LockAsync("k", EngineTest.Fixed(Ttl));
        var thread = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var registration = handle.LostToken.Register(() => thread.SetResult(Thread.CurrentThread.IsThreadPoolThread));
        Assert.True(await thread.Task.WaitAsync(Eventually.Patience));
    }

    [Fact]
    public async Task Thousands_of_leases_end_each_at_its_own_time()
    {
        await using var locks = new StoreLock(new ScriptedStore(TimeProvider.System));
        var handles = new List<ILockHandle>();
        for (var i = 0; i < 3000; i++)
            handles.Add(await locks.LockAsync($"k{i}", EngineTest.Fixed(Ttl + TimeSpan.FromMilliseconds(i % 100))));
        for (var i = 0; i < handles.Count; i += 3)
            await handles[i].DisposeAsync();
        var last = handles[^1].LostToken;
        Assert.True(FlagIsSetWithin(TimeSpan.FromSeconds(5), last), "the last flag was late");
        for (var i = 0; i < handles.Count; i++)
            Assert.Equal(i % 3 == 0 ? null : LostReason.Expired, handles[i].LostReason);
    }

    /// <summary>Watches from a thread of its own kind. While the machine lets this thread wait for its turn, it lets the alarm's wait, too: such a
    /// pause counts as one turn.</summary>
    private static bool FlagIsSetWithin(TimeSpan limit, CancellationToken token)
    {
        var last = TimeProvider.System.GetTimestamp();
        for (var watched = TimeSpan.Zero; watched < limit;)
        {
            if (token.IsCancellationRequested)
                return true;
            Thread.Sleep(1);
            var now = TimeProvider.System.GetTimestamp();
            var turn = TimeProvider.System.GetElapsedTime(last, now);
            watched += turn < Turn ? turn : Turn;
            last = now;
        }

        return token.IsCancellationRequested;
    }
}
