using Locking.Conformance;

namespace Locking;

/// <summary>Fencing tokens of a quorum: fixed on a majority before the grant is answered.</summary>
public sealed class TokenTests(QuorumFixture fixture) : IClassFixture<QuorumFixture>
{
    private static readonly TimeSpan s_ttl = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Servers_that_agree_take_one_round_and_servers_that_disagree_a_second()
    {
        await using var store = fixture.Quorum.NewStore();
        var key = NewKey();
        await CycleAsync(store, key);
        foreach (var server in fixture.Quorum.Servers)
            await server.CommandAsync("CONFIG", "RESETSTAT");
        const int Cycles = 20;
        for (var i = 0; i < Cycles; i++)
            await CycleAsync(store, key);
        // A node that had only just connected when the count began may still have been admitted; a second round would be one more each time.
        foreach (var server in fixture.Quorum.Servers)
            Assert.InRange(await CallsAsync(server), 1, (Cycles * 2) + 3);

        // One server has seen a much higher token.
        var future = DateTimeOffset.UtcNow.AddMinutes(30).ToUnixTimeMilliseconds() * 1000;
        await WriteFenceAsync(fixture.Quorum.Servers[1], key, future);
        await WriteFenceAsync(fixture.Quorum.Servers[2], key, future + 5);
        var token = await CycleAsync(store, key);
        Assert.True(token > future, "a majority contains one of the two");
    }

    [Fact]
    public async Task A_token_rises_whatever_majority_gives_the_next_grant()
    {
        await using var quorum = await Quorum.StartAsync();
        var options = new LockOptions { Ttl = TimeSpan.FromMilliseconds(500) };
        await using var store = quorum.NewStore(options);
        var last = await CycleAsync(store, "k", TimeSpan.FromMilliseconds(500));
        for (var round = 0; round < 6; round++)
        {
            // Another node is cut off each time, and the others' clocks are out of play: the proposals step back.
            var down = quorum.Servers[round % 3];
            down.Freeze();
            await using var other = quorum.NewStore(options);
            await using var locks = new StoreLock(other, options);
            var handle = await locks.LockAsync("k").AsTask().WaitAsync(Eventually.Patience);
            Assert.True(handle.FencingToken > last, $"round {round}: {handle.FencingToken} after {last}");
            last = handle.FencingToken!.Value;
            await handle.UnlockAsync();
            down.Thaw();
        }
    }

    [Fact]
    public async Task A_clock_that_is_far_off_decides_no_token()
    {
        var key = NewKey();
        await using var store = fixture.Quorum.NewStore();
        var before = await CycleAsync(store, key);
        foreach (var skew in new[] { TimeSpan.FromDays(4000), TimeSpan.FromDays(-4000) })
        {
            var stores = fixture.Quorum.Servers.Select(server => (RedisLockStore)new RedisLockProvider().CreateStore(
                new RedisLockSettings { Port = server.Port }, null, LockProviderContext.Default));
            await using var skewed = RedLockLockProvider.Create([.. stores], new RedLockSettings(), new LockOptions(), new ShiftedTime(skew), TimeSpan.FromSeconds(3));
            var token = await CycleAsync(skewed, key);
            Assert.True(token > before);
            Assert.InRange(token, before, before + 60_000_000);
            before = token;
        }
    }

    private static string NewKey() => $"test-{Guid.NewGuid():N}";

    private static async Task<long> CycleAsync(ILockStore store, string key, TimeSpan? ttl = null)
    {
        var id = Guid.NewGuid().ToString();
        var reply = await store.TryAcquireAsync(new AcquireRequest(key, id, "tester", ttl ?? s_ttl), CancellationToken.None);
        Assert.True(reply.IsGranted);
        Assert.Equal(StoreReply.Done, await store.TryReleaseAsync(key, id, CancellationToken.None));
        return reply.FencingToken!.Value;
    }

    private static async Task<int> CallsAsync(Testing.RedisServer server)
    {
        var line = ((string)(await server.CommandAsync("INFO", "commandstats"))!).Split("\r\n").First(one => one.StartsWith("cmdstat_evalsha:", StringComparison.Ordinal));
        return int.Parse(line.Split("calls=")[1].Split(',')[0], System.Globalization.CultureInfo.InvariantCulture);
    }

    private static async Task WriteFenceAsync(Testing.RedisServer server, string key, long token) =>
        Assert.Equal("OK", await server.CommandAsync(
            "EVAL", "return redis.call('set', redis.call('keys', ARGV[1] .. '*f')[1], ARGV[2])", "0", key + "?", $"{token} x y"));

    private sealed class ShiftedTime(TimeSpan by) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + by;
    }
}
