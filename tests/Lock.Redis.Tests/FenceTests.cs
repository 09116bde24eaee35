using System.Text;
using Locking.Testing;

namespace Locking;

/// <summary>Fencing tokens, and the records that carry them where the lock record has the holder's id alone.</summary>
public sealed class FenceTests(RedisFixture redis,
    Xunit.Abstractions.ITestOutputHelper output) : RedisTests(redis), IClassFixture<RedisFixture>
{
    [Fact]
    public async Task Tokens_are_the_servers_microseconds()
    {
        long token = await TakeAsync(NewStore(), NewKey(), NewId());
        object?[] time = (object?[])(await CommandAsync("TIME"))!;
        long now = long.Parse((string)time[0]!) * 1_000_000 + long.Parse((string)time[1]!);
        Assert.InRange(token, now - 10_000_000, now);
    }

    [Fact]
    public async Task Tokens_rise_even_when_the_clock_has_stepped_back()
    {
        RedisLockStore store = NewStore(new RedisLockSettings { Format = LockFormats.RedLockNet });
        (string key, string id) = (NewKey(), NewId());
        await TakeAsync(store, key, id);
        await ReleaseAsync(store, key, id);
        // As if the last grant had been given an hour in the future.
        long future = DateTimeOffset.UtcNow.AddHours(1).ToUnixTimeMilliseconds() * 1000;
        await WriteFenceAsync(key, $"{future} x y");
        Assert.Equal(future + 1, await TakeAsync(store, key, id));
    }

    [Fact]
    public async Task Tokens_rise_across_FLUSHALL()
    {
        RedisLockStore store = NewStore();
        (string key, string id) = (NewKey(), NewId());
        long first = await TakeAsync(store, key, id);
        await CommandAsync("FLUSHALL");
        Assert.Equal(StoreReply.NotHeld, await store.TryExtendAsync(key, id, LongTtl, CancellationToken.None));
        Assert.True(await TakeAsync(store, key, NewId()) > first);
    }

    [Fact]
    public async Task Tokens_rise_across_a_restart_without_persistence()
    {
        (string key, string id) = (NewKey(), NewId());
        await using RedisServer server = await Testing.RedisServer.StartAsync();
        await using ILockStore store = RedisFixture.StoreAt(server.Port);
        long first = await TakeAsync(store, key, id);
        server.Kill();
        await server.StartAgainAsync();
        await using ILockStore later = RedisFixture.StoreAt(server.Port);
        Assert.True(await TakeAsync(later, key, NewId()) > first);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(5_000)]
    [InlineData(3_600_000)]
    public async Task The_fence_outlives_the_lock_by_the_retention_and_no_longer(int retention)
    {
        RedisLockStore store =
            NewStore(new RedisLockSettings { Format = LockFormats.RedLockNet, FenceRetention = TimeSpan.FromMilliseconds(retention) });
        (string key, string id) = (NewKey(), NewId());
        await TakeAsync(store, key, id, TimeSpan.FromSeconds(20));
        Assert.InRange(await FenceLeftAsync(key), retention + 15_000, retention + 20_000);
        Assert.Equal(StoreReply.Done, await store.TryExtendAsync(key, id, TimeSpan.FromSeconds(40), CancellationToken.None));
        Assert.InRange(await FenceLeftAsync(key), retention + 35_000, retention + 40_000);
        await store.TryExtendAsync(key, id, Timeout.InfiniteTimeSpan, CancellationToken.None);
        Assert.Equal(-1, await FenceLeftAsync(key));
        await ReleaseAsync(store, key, id);
        long left = await FenceLeftAsync(key);
        if (retention == 0)
            Assert.Equal(-2, left);
        else
            Assert.InRange(left, retention - 2_000, retention);
        Assert.Equal(0L, await CommandAsync("EXISTS", "redlock:" + key));
    }

    /// <remarks><c>LOCK_TEST_KEYS_USED_ONCE=1000000</c> is the long form.</remarks>
    [Fact]
    public async Task Keys_used_once_cost_a_bounded_record_each_and_then_nothing()
    {
        int keys = int.Parse(Environment.GetEnvironmentVariable("LOCK_TEST_KEYS_USED_ONCE") ?? "20000",
            System.Globalization.CultureInfo.InvariantCulture);
        var retention = TimeSpan.FromSeconds(3 + keys / 10_000);
        await using RedisServer server = await Testing.RedisServer.StartAsync();
        await using ILockStore store =
            RedisFixture.StoreAt(server.Port, new RedisLockSettings { Format = LockFormats.RedLockNet, FenceRetention = retention });
        long before = await MemoryAsync();
        await Parallel.ForEachAsync(Enumerable.Range(0, keys), new ParallelOptions { MaxDegreeOfParallelism = 64 }, async (i, _) =>
        {
            string id = NewId();
            await TakeAsync(store, $"once/{i}", id);
            await ReleaseAsync(store, $"once/{i}", id);
        });
        // The first may have gone already.
        long used = await MemoryAsync() - before;
        long live = (long)(await server.CommandAsync("DBSIZE"))!;
        double perKey = used / (double)live;
        Assert.True(perKey is > 0 and < 350, $"{perKey:0} bytes a key");
        await Locking.Conformance.Eventually.TrueAsync(async () =>
            (long)(await server.CommandAsync("DBSIZE"))! == 0, "all records purged", retention * 3);
        long after = await MemoryAsync() - before;
        output.WriteLine(
            $"{keys} keys used once, {live} records live: {perKey:0} bytes each while the fence is kept, "
            + $"{after / 1024} KiB in all after it");
        Assert.True(after < 2 * 1024 * 1024 + keys, $"{after} bytes are left of {keys} keys");


        async Task<long> MemoryAsync()
        {
            string info = (string)(await server.CommandAsync("INFO", "memory"))!;
            return long.Parse(info.Split("used_memory:")[1].Split('\r')[0]);
        }
    }

    private static string Fence(string key) => "redlock:" + key + "?";

    private async Task<long> FenceLeftAsync(string key)
    {
        // The fence's name has bytes that are no text: the server finds it by pattern.
        object?[] found = (object?[])(await CommandAsync("EVAL",
            "local k = redis.call('keys', ARGV[1] .. '*f') return k[1] and {redis.call('pttl', k[1])} or {-2}", "0", Fence(key)))!;
        return (long)found[0]!;
    }

    private async Task WriteFenceAsync(string key, string text) =>
        Assert.Equal("OK", await CommandAsync("EVAL", "return redis.call('set', redis.call('keys', ARGV[1] .. '*f')[1], ARGV[2])", "0",
            Fence(key), text));

    [Theory]
    [InlineData("a", "a")]
    [InlineData("app:a", "app:a")]
    [InlineData("a{b", "a{b")]
    [InlineData("{tag}rest", "tag")]
    [InlineData("x{tag}y{z}", "tag")]
    public void Companions_share_the_records_hash_tag_and_begin_as_it_does(string record, string tag)
    {
        var keys = new LockKeys(record);
        Assert.False(keys.IsSplitOnCluster);
        byte[] begins = Encoding.UTF8.GetBytes(record.Contains('}', StringComparison.Ordinal) ? record : record.Split('{')[0]);
        foreach (byte[]? companion in new[] { keys.Fence, keys.Queue, keys.Waiters })
        {
            // What a cluster hashes: from the first opening brace to the first closing one behind it.
            int open = Array.IndexOf(companion, (byte)'{');
            int close = Array.IndexOf(companion, (byte)'}', open);
            Assert.Equal(tag, Encoding.UTF8.GetString(companion, open + 1, close - open - 1));
            Assert.Equal(begins, companion[..begins.Length]);
            Assert.Contains(LockKeys.Mark, companion);
        }

        Assert.Equal(record, LockKeys.RecordOfFence(keys.Fence));
        Assert.Null(LockKeys.RecordOfFence(keys.Queue));
    }

    [Theory]
    [InlineData("a}b")]
    [InlineData("{}{a}")]
    [InlineData("}{")]
    public void Keys_whose_braces_forbid_a_tag_are_known(string record) => Assert.True(new LockKeys(record).IsSplitOnCluster);
}
