using Locking.Conformance;

namespace Locking.Core.Tests;

/// <summary>The lost signal on the system's clock: it comes whatever the pool, the store or a callback is doing.</summary>
/// <remarks>What is in its way stays there until it has come: a signal that depends on it never comes, and no time is measured.</remarks>
[Collection(nameof(StarvedPoolTests))]
public sealed class LostSignalTests
{
    private static readonly TimeSpan s_ttl = TimeSpan.FromMilliseconds(400);

    [Fact]
    public async Task The_flag_is_set_while_the_thread_pool_runs_nothing()
    {
        await using var locks = new StoreLock(new ScriptedStore(TimeProvider.System));
        using (new BlockedPool())
        {
            // Not an await: the test must not need the pool either.
            ValueTask<ILockHandle> granted = locks.LockAsync("k", EngineTest.Fixed(s_ttl));
            Assert.True(granted.IsCompleted);
            Assert.True(FlagIsSet(granted.Result.LostToken), "the flag waits for the pool");
        }
    }

    [Fact]
    public async Task A_callback_that_blocks_delays_no_other_flag()
    {
        await using var locks = new StoreLock(new ScriptedStore(TimeProvider.System));
        var open = new ManualResetEventSlim(); // not disposed: the pool may still look at it
        ILockHandle blocked = await locks.LockAsync("a", EngineTest.Fixed(s_ttl));
        using var begun = new ManualResetEventSlim();
        using CancellationTokenRegistration registration = blocked.LostToken.Register(() =>
        {
            begun.Set();
            open.Wait();
        });
        try
        {
            Assert.True(begun.Wait(Eventually.Patience), "the callback does not run");
            Assert.True(FlagIsSet((await locks.LockAsync("b", EngineTest.Fixed(s_ttl))).LostToken), "the flag waits for the callback");
        }
        finally
        {
            open.Set();
        }
    }

    [Fact]
    public async Task A_store_that_hangs_in_an_extension_delays_nothing()
    {
        var extension = new Hang<StoreReply>();
        var store = new ScriptedStore(TimeProvider.System) { OnExtend = (_, _, _, _) => extension.DeafAsync() };
        await using var locks = new StoreLock(store);
        for (TimeSpan ttl = s_ttl; ; ttl *= 2)
        {
            await using ILockHandle handle = await locks.LockAsync("k", EngineTest.Fixed(ttl));
            Task<bool> extending = handle.TryExtendAsync(ttl).AsTask();
            Assert.True(FlagIsSet(handle.LostToken), "the flag waits for the store");
            if (extension.Begun.IsCompleted)
            {
                extension.End(StoreReply.NotHeld);
                Assert.False(await Eventually.DoneAsync(extending, "the extension"));
                return;
            }

            // The machine let the lease end before the store was asked.
            Assert.True(ttl < Eventually.Patience, "the store is never asked");
        }
    }

    [Fact]
    public async Task Callbacks_run_on_the_pool()
    {
        await using var locks = new StoreLock(new ScriptedStore(TimeProvider.System));
        ILockHandle handle = await locks.LockAsync("k", EngineTest.Fixed(s_ttl));
        var thread = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        using CancellationTokenRegistration registration =
            handle.LostToken.Register(() => thread.SetResult(Thread.CurrentThread.IsThreadPoolThread));
        Assert.True(await thread.Task.WaitAsync(Eventually.Patience));
    }

    [Fact]
    public async Task Thousands_of_leases_end_each_at_its_own_time()
    {
        await using var locks = new StoreLock(new ScriptedStore(TimeProvider.System));
        var handles = new List<ILockHandle>();
        for (int i = 0; i < 3000; i++)
            handles.Add(await locks.LockAsync($"k{i}", EngineTest.Fixed(TimeSpan.FromMinutes(10))));
        for (int i = 0; i < handles.Count; i += 3)
            await handles[i].DisposeAsync();

        // The others end soon, in another order than they were taken in.
        var ends = new List<Task<TimeSpan>>();
        for (int i = handles.Count - 1; i >= 0; i--)
        {
            if (i % 3 == 0)
                continue;
            TimeSpan ttl = s_ttl + TimeSpan.FromMilliseconds(i % 100);
            var lost = new TaskCompletionSource<TimeSpan>(TaskCreationOptions.RunContinuationsAsynchronously);
            long sent = TimeProvider.System.GetTimestamp();
            Assert.True(await handles[i].TryExtendAsync(ttl));
            handles[i].LostToken.Register(() => lost.SetResult(TimeProvider.System.GetElapsedTime(sent) - (ttl * 0.99)));
            ends.Add(lost.Task);
        }

        foreach (TimeSpan late in await Eventually.DoneAsync(Task.WhenAll(ends), "the end of every lease"))
            Assert.True(late > TimeSpan.FromMilliseconds(-2), $"ended {-late.TotalMilliseconds} ms too early");
        for (int i = 0; i < handles.Count; i++)
            Assert.Equal(i % 3 == 0 ? null : LostReason.Expired, handles[i].LostReason);
    }

    /// <summary>Watches without the pool. Only a flag that never comes is too late.</summary>
    private static bool FlagIsSet(CancellationToken token) => SpinWait.SpinUntil(
        () =>
        {
            Thread.Sleep(1);
            return token.IsCancellationRequested;
        },
        Eventually.Patience);
}
