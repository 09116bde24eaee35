
namespace Locking;

/// <summary>Watches that close, and watches whose waiter goes on with another id.</summary>
public sealed class LeavingTests(RedisFixture redis) : RedisTests(redis), IClassFixture<RedisFixture>
{
    [Fact]
    public async Task A_watch_that_closes_while_another_is_being_granted_the_lock_releases_nothing()
    {
        RedisLockStore store = NewStore();
        await LearnLeavingAsync(store);
        (string key, string id) = (NewKey(), NewId());
        // Its waiter has gone; the next one asks before it is closed, and is taken for its waiter.
        IReleaseWatch leaving = await ((IReleaseSignal)store).WatchAsync(key, CancellationToken.None);
        Task<AcquireReply> asking = AskAsync(store, key, id);
        await leaving.DisposeAsync();
        Assert.True((await asking).IsGranted);
        // Behind whatever that sent on the same connection.
        Assert.Equal(id, (await store.GetAsync(key, CancellationToken.None))?.Id);
    }

    [Fact]
    public async Task A_watch_that_closes_in_the_moment_its_waiter_is_made_the_holder_hands_the_lock_on()
    {
        (RedisLockStore store, RedisLockStore other) = (NewStore(), NewStore());
        await LearnLeavingAsync(store);
        (string key, string holder, string first, string second) = (NewKey(), NewId(), NewId(), NewId());
        await TakeAsync(store, key, holder);
        IReleaseWatch leaving = await ((IReleaseSignal)store).WatchAsync(key, CancellationToken.None);
        Assert.False((await AskAsync(store, key, first)).IsGranted);
        Assert.False((await AskAsync(other, key, second, queue: true)).IsGranted);
        (Task<StoreReply> releasing, ValueTask<LockInfo?> made) =
            (ReleaseAsync(store, key, holder), store.GetAsync(key, CancellationToken.None));
        ValueTask closing = leaving.DisposeAsync();
        ValueTask<LockInfo?> looking = store.GetAsync(key, CancellationToken.None);
        await releasing;
        await closing;
        Assert.Equal((first, ""), ((await made)!.Id, (await made)!.Owner));
        Assert.Equal(second, (await looking)?.Id);
    }

    [Fact]
    public async Task A_waiter_that_cannot_use_its_grant_and_goes_on_with_another_id_is_told()
    {
        (RedisLockStore store, RedisLockStore holding) = (NewStore(), NewStore());
        (string key, string holder, string late, string next) = (NewKey(), NewId(), NewId(), NewId());
        await TakeAsync(holding, key, holder);
        await using IReleaseWatch watch = await ((IReleaseSignal)store).WatchAsync(key, CancellationToken.None);
        Assert.False((await AskAsync(store, key, late)).IsGranted);
        await ReleaseAsync(holding, key, holder);
        Assert.True((await AskAsync(store, key, late)).IsGranted);
        Assert.False((await AskAsync(store, key, next)).IsGranted);
        Assert.Equal(1, await WaitersAsync(key));
        await ReleaseAsync(store, key, late);
        Assert.True((await AskAsync(store, key, next)).IsGranted);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_holder_that_asks_again_forgets_nobody_who_waits(bool isWatched)
    {
        RedisLockStore store = NewStore();
        await LearnLeavingAsync(store);
        (string key, string holder, string waiter) = (NewKey(), NewId(), NewId());
        long token = await TakeAsync(store, key, holder);
        if (isWatched)
            Track(await ((IReleaseSignal)store).WatchAsync(key, CancellationToken.None));
        Assert.False((await AskAsync(store, key, waiter, queue: !isWatched)).IsGranted);
        Assert.Equal(token, await TakeAsync(store, key, holder));
        (Task<StoreReply> releasing, ValueTask<LockInfo?> looking) =
            (ReleaseAsync(store, key, holder), store.GetAsync(key, CancellationToken.None));
        await releasing;
        Assert.Equal(waiter, (await looking)?.Id);
    }

    [Fact]
    public async Task Who_takes_a_lock_that_has_ended_forgets_nobody_who_waits()
    {
        RedisLockStore store = NewStore();
        await LearnLeavingAsync(store);
        (string key, string first, string second) = (NewKey(), NewId(), NewId());
        await TakeAsync(store, key, NewId());
        Assert.False((await AskAsync(store, key, first, queue: true)).IsGranted);
        Assert.False((await AskAsync(store, key, second, queue: true)).IsGranted);
        await CommandAsync("DEL", key);
        Assert.True((await AskAsync(store, key, first, queue: true)).IsGranted);
        (Task<StoreReply> releasing, ValueTask<LockInfo?> looking) =
            (ReleaseAsync(store, key, first), store.GetAsync(key, CancellationToken.None));
        await releasing;
        Assert.Equal(second, (await looking)?.Id);
    }

    [Fact]
    public async Task Nobody_releases_anothers_lock_whether_or_not_somebody_waits()
    {
        RedisLockStore store = NewStore();
        (string key, string holder, string other) = (NewKey(), NewId(), NewId());
        await TakeAsync(store, key, holder);
        Assert.Equal(StoreReply.HeldByAnother, await ReleaseAsync(store, key, other));
        Assert.Equal(StoreReply.HeldByAnother, await ReleaseAsync(store, key, holder[..^1]));
        Assert.False((await AskAsync(store, key, NewId(), queue: true)).IsGranted);
        Assert.Equal(StoreReply.HeldByAnother, await ReleaseAsync(store, key, other));
        Assert.Equal(holder, (await store.GetAsync(key, CancellationToken.None))!.Id);
        Assert.Equal(StoreReply.Done, await ReleaseAsync(store, key, holder));
    }

    private static async Task LearnLeavingAsync(RedisLockStore store)
    {
        await LearnAsync(store);
        (string key, string holder) = (NewKey(), NewId());
        await TakeAsync(store, key, holder);
        IReleaseWatch watch = await ((IReleaseSignal)store).WatchAsync(key, CancellationToken.None);
        Assert.False((await AskAsync(store, key, NewId())).IsGranted);
        await watch.DisposeAsync();
        await ReleaseAsync(store, key, holder);
    }
}
