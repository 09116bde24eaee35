using Locking.Conformance;
using Locking.Testing;

namespace Locking;

/// <summary>Who gives up leaves the line, and nobody else with it, in whatever order the steps of a process arrive.</summary>
public sealed class LeavingTheLineTests(RedisFixture redis) : RedisTests(redis), IClassFixture<RedisFixture>
{
    [Fact]
    public async Task A_waiter_that_gives_up_leaves_the_line()
    {
        (RedisLockStore holding, RedisLockStore leaving) = (NewStore(), NewStore());
        (string key, string holder) = (NewKey(), NewId());
        await TakeAsync(holding, key, holder);
        StoreLock locks = Track(new StoreLock(leaving));
        Assert.Null(await locks.TryLockAsync(key, new LockOptions { WaitTimeout = TimeSpan.FromMilliseconds(200) }));
        await Eventually.TrueAsync(async () => await WaitersAsync(key) == 0, "the line is empty");
        await ReleaseAsync(holding, key, holder);
    }

    [Fact]
    public async Task Who_comes_by_in_a_process_that_waits_is_no_waiter()
    {
        RedisLockStore store = NewStore();
        (string key, string holder, string waiter, string passer) = (NewKey(), NewId(), NewId(), NewId());
        await LearnAsync(store);
        await TakeAsync(store, key, holder);
        await using IReleaseWatch watch = await ((IReleaseSignal)store).WatchAsync(key, CancellationToken.None);
        Assert.False((await AskAsync(store, key, waiter)).IsGranted);
        Assert.False((await AskAsync(store, key, passer)).IsGranted);
        Assert.Equal(1, await WaitersAsync(key));
        (Task<StoreReply> releasing, Task<AcquireReply> asking) = (ReleaseAsync(store, key, holder), AskAsync(store, key, passer));
        await releasing;
        Assert.False((await asking).IsGranted);
        Assert.Equal(0, await WaitersAsync(key));
    }

    [Fact]
    public async Task Of_two_waiters_of_a_process_the_one_that_gives_up_leaves_the_line()
    {
        (RedisLockStore holding, RedisLockStore waiting) = (NewStore(), NewStore());
        (string key, string holder, string stays) = (NewKey(), NewId(), NewId());
        await TakeAsync(holding, key, holder);
        await using IReleaseWatch staying = await ((IReleaseSignal)waiting).WatchAsync(key, CancellationToken.None);
        Assert.False((await AskAsync(waiting, key, stays)).IsGranted);
        IReleaseWatch leaving = await ((IReleaseSignal)waiting).WatchAsync(key, CancellationToken.None);
        Assert.False((await AskAsync(waiting, key, NewId())).IsGranted);
        Assert.Equal(2, await WaitersAsync(key));
        await leaving.DisposeAsync();
        await Eventually.TrueAsync(async () => await WaitersAsync(key) == 1, "one left");
        await ReleaseAsync(holding, key, holder);
        Assert.True(await staying.WaitAsync(TimeSpan.FromSeconds(10), CancellationToken.None));
        Assert.True((await AskAsync(waiting, key, stays)).IsGranted);
        Assert.Equal(0, await WaitersAsync(key));
    }

    [Fact]
    public async Task A_waiter_that_was_taken_for_one_that_leaves_keeps_its_place()
    {
        (RedisLockStore holding, RedisLockStore waiting) = (NewStore(), NewStore());
        (string key, string holder, string stays) = (NewKey(), NewId(), NewId());
        await LearnAsync(holding);
        await TakeAsync(holding, key, holder);
        // The first has given up before it asked; its watch is about to close when the next one asks, and is taken for that one's.
        IReleaseWatch leaving = await ((IReleaseSignal)waiting).WatchAsync(key, CancellationToken.None);
        await using IReleaseWatch staying = await ((IReleaseSignal)waiting).WatchAsync(key, CancellationToken.None);
        Assert.False((await AskAsync(waiting, key, stays)).IsGranted);
        await leaving.DisposeAsync();
        // Behind whatever that sent on the same connection.
        Assert.Equal(holder, (await waiting.GetAsync(key, CancellationToken.None))!.Id);
        Assert.Equal(1, await WaitersAsync(key));
        (Task<StoreReply> releasing, ValueTask<LockInfo?> looking) =
            (ReleaseAsync(holding, key, holder), holding.GetAsync(key, CancellationToken.None));
        await releasing;
        Assert.Equal(stays, (await looking)!.Id);
        Assert.True(await staying.WaitAsync(Eventually.Patience, CancellationToken.None));
    }

    [Fact]
    public async Task A_waiter_that_leaves_while_another_has_not_asked_yet_is_out_of_the_line_when_that_one_asks()
    {
        (RedisLockStore holding, RedisLockStore waiting) = (NewStore(), NewStore());
        (string key, string holder) = (NewKey(), NewId());
        await LearnAsync(holding);
        await TakeAsync(holding, key, holder);
        IReleaseWatch leaving = await ((IReleaseSignal)waiting).WatchAsync(key, CancellationToken.None);
        Assert.False((await AskAsync(waiting, key, NewId())).IsGranted);
        await using IReleaseWatch staying = await ((IReleaseSignal)waiting).WatchAsync(key, CancellationToken.None);
        await leaving.DisposeAsync();
        string next = NewId();
        Assert.False((await AskAsync(waiting, key, next)).IsGranted);
        Assert.Equal(holder, (await waiting.GetAsync(key, CancellationToken.None))!.Id);
        Assert.Equal(1, await WaitersAsync(key));
        (Task<StoreReply> releasing, ValueTask<LockInfo?> looking) =
            (ReleaseAsync(holding, key, holder), holding.GetAsync(key, CancellationToken.None));
        await releasing;
        Assert.Equal(next, (await looking)!.Id);
    }

    [Fact]
    public async Task The_next_waiter_of_a_process_keeps_its_place_when_the_one_before_stops_listening()
    {
        RedisLockStore store = NewStore();
        (string key, string holder, string first, string second) = (NewKey(), NewId(), NewId(), NewId());
        await TakeAsync(store, key, holder);
        IReleaseWatch served = await ((IReleaseSignal)store).WatchAsync(key, CancellationToken.None);
        Assert.False((await AskAsync(store, key, first)).IsGranted);
        await ReleaseAsync(store, key, holder);
        Assert.True((await AskAsync(store, key, first)).IsGranted);
        await using IReleaseWatch watch = await ((IReleaseSignal)store).WatchAsync(key, CancellationToken.None);
        Assert.False((await AskAsync(store, key, second)).IsGranted);
        await served.DisposeAsync();
        // Behind whatever that sent on the same connection.
        Assert.Equal(first, (await store.GetAsync(key, CancellationToken.None))!.Id);
        Assert.Equal(1, await WaitersAsync(key));
        await ReleaseAsync(store, key, first);
        Assert.True((await AskAsync(store, key, second)).IsGranted);
    }

    [Fact]
    public async Task A_waiter_that_gives_up_in_the_moment_it_is_named_leaves_the_lock_to_the_next()
    {
        (RedisLockStore holding, RedisLockStore leaving) = (NewStore(), NewStore());
        (string key, string holder) = (NewKey(), NewId());
        await TakeAsync(holding, key, holder);
        IReleaseWatch named = await ((IReleaseSignal)leaving).WatchAsync(key, CancellationToken.None);
        Assert.False((await AskAsync(leaving, key, NewId())).IsGranted);
        StoreLock locks = Track(new StoreLock(NewStore(), new LockOptions { PollInterval = TimeSpan.FromHours(1) }));
        Task<ILockHandle> next = locks.LockAsync(key).AsTask();
        await Eventually.TrueAsync(async () => await WaitersAsync(key) == 2, "both wait");
        await ReleaseAsync(holding, key, holder);
        await named.DisposeAsync();
        await using ILockHandle handle = await Eventually.DoneAsync(next, "the next one's turn");
    }
}
