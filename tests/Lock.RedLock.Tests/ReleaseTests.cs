using Locking.Testing;

namespace Locking;

/// <summary>What the end of a lease leaves behind on a node, and whom it is told.</summary>
public sealed class ReleaseTests
{
    private const string Key = "k";

    [Fact]
    public async Task It_is_told_only_where_somebody_was_answered_busy()
    {
        await using Quorum quorum = await Quorum.StartAsync(1);
        await using RedLockStore store = quorum.NewStore();
        await CycleAsync(store, "warm", TimeSpan.FromSeconds(30));
        long before = await PublishedAsync(quorum.Servers[0]);
        for (int i = 0; i < 3; i++)
            await CycleAsync(store, Key, TimeSpan.FromSeconds(30));
        Assert.Equal(before, await PublishedAsync(quorum.Servers[0]));

        (string one, string other) = (NewId(), NewId());
        Assert.True(await AskAsync(store, Key, one, TimeSpan.FromSeconds(30)));
        Assert.False(await AskAsync(store, Key, other, TimeSpan.FromSeconds(30)));
        // Who asks again and who extends leaves what others have left there.
        Assert.True(await AskAsync(store, Key, one, TimeSpan.FromSeconds(30)));
        Assert.Equal(StoreReply.Done, await store.TryExtendAsync(Key, one, TimeSpan.FromSeconds(30), CancellationToken.None));
        Assert.Equal(StoreReply.Done, await store.TryReleaseAsync(Key, one, CancellationToken.None));
        Assert.Equal(before + 1, await PublishedAsync(quorum.Servers[0]));
        Assert.True(await AskAsync(store, Key, other, TimeSpan.FromSeconds(30)));
    }

    [Theory]
    [InlineData("native")]
    [InlineData("redlock.net")]
    public async Task A_strangers_record_is_left_as_it_is(string format)
    {
        await using Quorum quorum = await Quorum.StartAsync(1);
        await using RedLockStore store = quorum.NewStore(settings: new RedLockSettings { Format = format });
        string record = format == "native" ? Key : "redlock:" + Key;
        Assert.Equal("OK", await quorum.Servers[0].CommandAsync("SET", record, "theirs", "NX", "PX", "600000"));
        AcquireReply reply = await store.TryAcquireAsync(
            new AcquireRequest(Key, NewId(), "tester", TimeSpan.FromSeconds(30)), CancellationToken.None);
        Assert.True(reply.IsStranger);
        Assert.Equal("theirs", await quorum.Servers[0].CommandAsync("GET", record));
    }

    /// <summary>The fence of a short lease lives on as it is, for the ttl and the retention; no longer than the retention where the ttl is
    /// longer.</summary>
    [Theory]
    [InlineData(30, 30, 60_000, 90_000)]
    [InlineData(600, 600, 1, 60_000)]
    [InlineData(30, 600, 1, 60_000)]
    public async Task A_fence_outlives_the_lease_by_twice_the_retention_at_the_most(int ttl, int extended, int least, int most)
    {
        await using Quorum quorum = await Quorum.StartAsync(1);
        await using RedLockStore store = quorum.NewStore(settings: new RedLockSettings { FenceRetention = TimeSpan.FromSeconds(60) });
        string id = NewId();
        Assert.True(await AskAsync(store, Key, id, TimeSpan.FromSeconds(ttl)));
        Assert.Equal(
            StoreReply.Done, await store.TryExtendAsync(Key, id, TimeSpan.FromSeconds(extended), CancellationToken.None));
        Assert.Equal(StoreReply.Done, await store.TryReleaseAsync(Key, id, CancellationToken.None));
        long left = (long)(await quorum.Servers[0].CommandAsync("EVAL", "return redis.call('pttl', 'k\\255{k}\\255f')", "0"))!;
        Assert.InRange(left, least, most);
    }

    private static string NewId() => Guid.NewGuid().ToString();

    private static async Task<bool> AskAsync(RedLockStore store, string key, string id, TimeSpan ttl) =>
        (await store.TryAcquireAsync(new AcquireRequest(key, id, "tester", ttl), CancellationToken.None)).IsGranted;

    private static async Task CycleAsync(RedLockStore store, string key, TimeSpan ttl)
    {
        string id = NewId();
        Assert.True(await AskAsync(store, key, id, ttl));
        Assert.Equal(StoreReply.Done, await store.TryReleaseAsync(key, id, CancellationToken.None));
    }

    private static async Task<long> PublishedAsync(RedisServer server) =>
        ((string)(await server.CommandAsync("INFO", "commandstats"))!).Split("\r\n")
        .Where(static line => line.StartsWith("cmdstat_publish:", StringComparison.Ordinal))
        .Sum(static line => long.Parse(line.Split("calls=")[1].Split(',')[0], System.Globalization.CultureInfo.InvariantCulture));
}
