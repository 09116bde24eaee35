using Locking.Conformance;

namespace Locking;

/// <summary>Keys that other clients wrote.</summary>
public sealed class StrangerTests(RedisFixture redis) : RedisTests(redis), IClassFixture<RedisFixture>
{
    [Theory]
    [InlineData(LockFormats.Native, "")]
    [InlineData(LockFormats.RedLockNet, "redlock:")]
    [InlineData(LockFormats.SimpleRedisMutex, "@simple-redis-mutex:lock-")]
    [InlineData(LockFormats.DistLock, "lock:")]
    public async Task A_key_of_any_foreign_type_is_held_by_a_stranger(string format, string prefix)
    {
        RedisLockStore store = NewStore(new RedisLockSettings { Format = format });
        string[][] writes = [["LPUSH", "?", "a"], ["SADD", "?", "a"], ["ZADD", "?", "1", "a"], ["HSET", "?", "a", "b"],
            ["XADD", "?", "*", "a", "b"], ["SET", "?", ""]];
        foreach (string[] write in writes)
        {
            string key = NewKey();
            await CommandAsync([.. write.Select(word => word == "?" ? prefix + key : word)]);
            AcquireReply busy = await AskAsync(store, key, NewId());
            Assert.False(busy.IsGranted);
            Assert.True(busy.IsStranger, write[0]);
            Assert.Equal(Timeout.InfiniteTimeSpan, busy.HolderRemaining);
            Assert.Equal(StoreReply.HeldByAnother, await store.TryExtendAsync(key, NewId(), LongTtl, CancellationToken.None));
            Assert.Equal(StoreReply.HeldByAnother, await ReleaseAsync(store, key, NewId()));
            LockInfo? info = await store.GetAsync(key, CancellationToken.None);
            Assert.Equal(("", "", null), (info!.Id, info.Owner, info.FencingToken));
            Assert.Equal(1L, await CommandAsync("EXISTS", prefix + key));
            Assert.True(await store.ForceReleaseAsync(key, CancellationToken.None));
            await TakeAsync(store, key, NewId());
        }
    }

    [Fact]
    public async Task A_value_of_another_client_is_a_strangers_and_tells_what_is_left()
    {
        RedisLockStore store = NewStore();
        string key = NewKey();
        await CommandAsync("SET", key, "somebody", "NX", "PX", "30000");
        AcquireReply busy = await AskAsync(store, key, NewId());
        Assert.True(busy.IsStranger);
        Assert.InRange(busy.HolderRemaining!.Value, TimeSpan.FromSeconds(25), TimeSpan.FromSeconds(30));
        LockInfo? info = await store.GetAsync(key, CancellationToken.None);
        Assert.Equal(("somebody", "", null), (info!.Id, info.Owner, info.FencingToken));
        Assert.Equal(StoreReply.Done, await ReleaseAsync(store, key, "somebody"));
    }

    [Fact]
    public async Task A_stranger_that_takes_the_key_after_us_is_not_taken_for_us()
    {
        RedisLockStore store = NewStore();
        (string key, string id) = (NewKey(), NewId());
        await TakeAsync(store, key, id);
        Assert.False((await AskAsync(store, key, NewId())).IsStranger);
        await ReleaseAsync(store, key, id);
        await CommandAsync("SET", key, "somebody", "PX", "30000");
        Assert.True((await AskAsync(store, key, NewId())).IsStranger);
        Assert.Null((await store.GetAsync(key, CancellationToken.None))!.FencingToken);
    }

    [Fact]
    public async Task The_record_is_a_plain_string_with_an_expiry()
    {
        RedisLockStore store = NewStore();
        (string key, string id) = (NewKey(), NewId());
        await TakeAsync(store, key, id);
        Assert.StartsWith(id + " ", (string?)await CommandAsync("GET", key), StringComparison.Ordinal);
        Assert.InRange((long)(await CommandAsync("PTTL", key))!, 50_000, 60_000);
        Assert.Null(await CommandAsync("SET", key, "other", "NX", "PX", "1000"));
    }

    [Fact]
    public async Task A_waiter_behind_a_stranger_gets_the_lock_when_the_stranger_lets_go_without_a_word()
    {
        await using var locks = new StoreLock(NewStore());
        string key = NewKey();
        await CommandAsync("SET", key, "somebody");
        Task<ILockHandle> waiting = locks.LockAsync(key).AsTask();
        Assert.False(waiting.IsCompleted);
        await CommandAsync("DEL", key);
        await using ILockHandle handle = await waiting.WaitAsync(Eventually.Patience);
        Assert.True(handle.FencingToken > 0);
    }

    [Theory]
    [InlineData("host1 pid 7")]
    [InlineData("host1 7 ")]
    [InlineData("host1 ")]
    public async Task A_value_that_begins_with_an_id_is_not_that_ones_lock(string value)
    {
        RedisLockStore store = NewStore();
        string key = NewKey();
        await CommandAsync("SET", key, value);
        Assert.Equal(StoreReply.HeldByAnother, await store.TryExtendAsync(key, "host1", LongTtl, CancellationToken.None));
        Assert.Equal(StoreReply.HeldByAnother, await ReleaseAsync(store, key, "host1"));
        Assert.Equal(value, await CommandAsync("GET", key));
        Assert.Equal(-1L, await CommandAsync("PTTL", key));
    }
}
