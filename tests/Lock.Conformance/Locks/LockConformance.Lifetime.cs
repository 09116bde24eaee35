using System.Runtime.CompilerServices;

namespace Locking.Conformance;

public abstract partial class LockConformance
{
    [Fact]
    public async Task L22_Disposing_gives_back_what_is_still_held_and_its_holder_is_told()
    {
        (string first, string second) = (NewKey(), NewKey());
        ILock locks = CreateLock(new LockOptions { Ttl = LongTtl }, null);
        ILockHandle handle = await TakeAsync(locks, first);
        await TakeAsync(locks, second, Fixed(LongTtl));
        await Eventually.DoneAsync(locks.DisposeAsync().AsTask(), "disposal");
        await using ILockHandle one = await TakeAsync(Locks, first);
        await using ILockHandle two = await TakeAsync(Locks, second);
        await Eventually.TrueAsync(() => handle.LostToken.IsCancellationRequested, "the holder's loss");
        Assert.Equal(LostReason.LockDisposed, handle.LostReason);
        Assert.Throws<LockLostException>(handle.ThrowIfLost);
        await handle.DisposeAsync();
        one.ThrowIfLost();
    }

    [Fact]
    public async Task L22_Disposing_keeps_the_locks_that_are_to_be_kept()
    {
        string key = NewKey();
        ILock locks = CreateLock(new LockOptions { Ttl = LongTtl, KeepOnDisconnect = true }, null);
        ILockHandle handle = await TakeAsync(locks, key);
        await Eventually.DoneAsync(locks.DisposeAsync().AsTask(), "disposal");
        await AssertBusyAsync(Locks, key);
        Assert.Equal(UnlockOutcome.Released, await Locks.UnlockAsync(key, handle.Id));
    }

    [Fact]
    public async Task L22_Disposing_ends_every_wait_and_refuses_every_later_call()
    {
        string key = NewKey();
        await using ILockHandle handle = await TakeAsync(Locks, key);
        ILock locks = CreateLock(null, "ns");
        var waiting = Enumerable.Range(0, 3).Select(_ => locks.LockAsync(key).AsTask())
            .Append(locks.TryLockAsync(key, new LockOptions { WaitTimeout = Timeout.InfiniteTimeSpan }).AsTask()!)
            .ToList();
        await Eventually.SettleAsync();
        await Eventually.DoneAsync(locks.DisposeAsync().AsTask(), "disposal");
        foreach (Task<ILockHandle>? wait in waiting)
            await Assert.ThrowsAsync<ObjectDisposedException>(() => Eventually.DoneAsync(wait, "a wait"));
        await locks.DisposeAsync();

        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await locks.LockAsync(key));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await locks.TryLockAsync(key));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await locks.LockNsAsync(key));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await locks.GetAsync(key));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await locks.UnlockAsync(key, handle.Id));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await locks.TryExtendAsync(key, handle.Id, LongTtl));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await locks.ForceUnlockAsync(key));
        Assert.Throws<ObjectDisposedException>(() => locks.ListAsync());
        handle.ThrowIfLost();
        await handle.UnlockAsync();
        await using ILockHandle next = await TakeAsync(Locks, key);
    }

    [Fact]
    public async Task L28_A_namespace_goes_before_the_key_with_a_colon()
    {
        (string ns, string key) = (NewKey(), NewKey());
        ILock locks = NewLocks(ns: ns);
        Assert.Equal(ns, locks.Namespace);
        await using ILockHandle handle = await locks.LockNsAsync(key);
        Assert.Equal($"{ns}:{key}", handle.Key);
        Assert.Null(await locks.TryLockNsAsync(key));
        await AssertBusyAsync(Locks, $"{ns}:{key}");
        Assert.Equal(handle.Id, (await Locks.GetAsync($"{ns}:{key}"))?.Id);
        await using ILockHandle bare = await TakeAsync(locks, key);
        await using ILockHandle? elsewhere = await NewLocks(ns: ns + "2").TryLockNsAsync(key);
        Assert.NotNull(elsewhere);
    }

    [Fact]
    public async Task L28_Without_a_namespace_the_namespaced_calls_are_refused()
    {
        Assert.Null(Locks.Namespace);
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await Locks.LockNsAsync(NewKey()));
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await Locks.TryLockNsAsync(NewKey()));
    }

    [Fact]
    public async Task L29_A_bound_lock_is_a_mutex_with_a_boolean_answer()
    {
        string key = NewKey();
        await using BoundLock mutex = Locks.Bind(key, new LockOptions { WaitTimeout = TimeSpan.Zero });
        await using BoundLock rival = NewLocks().Bind(key, new LockOptions { WaitTimeout = TimeSpan.Zero });
        Assert.Null(mutex.Handle);
        Assert.Equal(UnlockOutcome.AlreadyExpired, await mutex.UnlockAsync());
        Assert.True(await mutex.LockAsync());
        Assert.False(await rival.LockAsync());
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await mutex.LockAsync());
        Assert.Equal((key, key), (mutex.Key, mutex.Handle!.Key));
        mutex.Handle.ThrowIfLost();
        Assert.Equal(UnlockOutcome.Released, await mutex.UnlockAsync());
        Assert.True(await rival.LockAsync());
        Assert.False(await mutex.LockAsync());
        Assert.Equal(UnlockOutcome.Released, await rival.UnlockAsync());
        Assert.True(await mutex.LockAsync());
    }

    [Fact]
    public async Task L51_Nothing_that_lives_on_keeps_the_flow_of_the_caller_that_came_first()
    {
        // What a request, a tenant or a trace is to a program: an object that flows with its calls.
        string key = NewKey();
        ILock locks = NewLocks(new LockOptions { Ttl = LongTtl });
        (WeakReference flowed, ILockHandle held) = await CallInAFlowOfItsOwnAsync(locks, key);
        await using ILockHandle still = held;
        await Eventually.TrueAsync(
            () =>
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
                return !flowed.IsAlive;
            },
            "the first caller's flow is let go while its lock object lives");
        Assert.NotNull(await locks.GetAsync(key));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Task<(WeakReference Flowed, ILockHandle Held)> CallInAFlowOfItsOwnAsync(ILock locks, string key)
    {
        var flow = new AsyncLocal<object?>();
        return Task.Run(async () =>
        {
            object value = new object();
            flow.Value = value;
            ILockHandle held = await locks.LockAsync(key);
            Assert.Null(await locks.TryLockAsync(key));
            Assert.True(await held.TryExtendAsync(TimeSpan.FromMinutes(2)));
            using (var stop = new CancellationTokenSource())
            {
                Task<ILockHandle> waiting = locks.LockAsync(key, null, stop.Token).AsTask();
                await Eventually.SettleAsync();
                await stop.CancelAsync();
                await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
            }

            await using (await locks.LockAsync(key + "/other"))
                _ = held.LostToken;
            return (new WeakReference(value), held);
        });
    }
}
