using Locking.Conformance;
using StackExchange.Redis;

namespace Locking;

/// <summary>A connection that the application has.</summary>
public sealed class LentConnectionTests(RedisFixture redis) : RedisTests(redis), IClassFixture<RedisFixture>
{
    [Fact]
    public async Task A_lent_connection_is_used_and_never_disposed()
    {
        using ConnectionMultiplexer lent = await ConnectionMultiplexer.ConnectAsync(Server.EndPoint);
        string key = NewKey();
        await using (var store = new RedisLockStore(lent))
        {
            string id = NewId();
            await TakeAsync(store, key, id);
            await using IReleaseWatch watch = await store.WatchAsync(key, CancellationToken.None);
            string waiter = NewId();
            Assert.False((await AskAsync(store, key, waiter)).IsGranted);
            await ReleaseAsync(store, key, id);
            Assert.True(await watch.WaitAsync(Eventually.Patience, CancellationToken.None));
            await ReleaseAsync(store, key, waiter);
        }

        await using (var locks = new StoreLock(new RedisLockProvider(lent)
            .CreateStore(new RedisLockSettings(), null, LockProviderContext.Default)))
        {
            await using ILockHandle handle = await locks.LockAsync(key);
        }

        Assert.True(lent.IsConnected);
        Assert.Equal("PONG", (string?)await lent.GetDatabase().ExecuteAsync("PING"));
        Assert.Null(await lent.GetDatabase().StringGetAsync(key) is { IsNull: false } left ? (string?)left : null);
    }

    [Fact]
    public async Task A_lent_connection_may_be_asked_for_another_database()
    {
        using ConnectionMultiplexer lent = await ConnectionMultiplexer.ConnectAsync(Server.EndPoint);
        await using var store = new RedisLockStore(lent, new RedisLockSettings { Db = 5 });
        (string key, string id) = (NewKey(), NewId());
        await TakeAsync(store, key, id);
        Assert.StartsWith(id + " ", (string?)await lent.GetDatabase(5).StringGetAsync(key), StringComparison.Ordinal);
        Assert.False(await lent.GetDatabase(0).KeyExistsAsync(key));
        var listed = new List<string>();
        await foreach (LockInfo info in store.ListAsync(key, CancellationToken.None))
            listed.Add(info.Key);
        Assert.Equal([key], listed);
    }

    [Fact]
    public async Task Whatever_else_is_said_of_the_connection_is_refused()
    {
        using ConnectionMultiplexer lent = await ConnectionMultiplexer.ConnectAsync(Server.EndPoint);
        var elsewhere = new RedisLockSettings { Host = "elsewhere" };
        Assert.Equal("connection", Assert.Throws<LockConfigException>(() => new RedisLockProvider(lent).CreateStore(elsewhere)).Path);
        Assert.Equal("connection.db", Assert.Throws<LockConfigException>(() => new RedisLockStore(lent, new RedisLockSettings { Db = -2 }))
            .Path);
        Assert.Throws<LockConfigException>(() => new RedisLockStore(lent, new RedisLockSettings { CommandTimeout = TimeSpan.Zero }));
    }
}
