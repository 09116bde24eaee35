using Locking.Conformance;
using Locking.Testing;

namespace Locking;

/// <summary>Fencing tokens of a quorum: fixed on a majority before the grant is answered.</summary>
public sealed class TokenTests(QuorumFixture fixture) : IClassFixture<QuorumFixture>
{
    private static readonly TimeSpan s_ttl = TimeSpan.FromMinutes(10);
    private static readonly RedLockSettings s_patient = new() { NodeTimeout = TimeSpan.FromSeconds(30) };

    [Fact]
    public async Task Servers_that_agree_take_one_round()
    {
        await using RedLockStore store = fixture.Quorum.NewStore();
        string key = NewKey();
        await CycleAsync(store, key);
        foreach (RedisServer server in fixture.Quorum.Servers)
            await server.CommandAsync("CONFIG", "RESETSTAT");
        const int Cycles = 20;
        for (int i = 0; i < Cycles; i++)
            await CycleAsync(store, key);
        // A node that had only just connected when the count began may still have been admitted; a second round would be one more each
        // time.
        foreach (RedisServer server in fixture.Quorum.Servers)
            Assert.InRange(await CallsAsync(server), 1, (Cycles * 2) + 3);
    }

    [Fact]
    public async Task Servers_that_disagree_take_a_second_round_before_the_grant_is_answered()
    {
        await using Quorum quorum = await Quorum.StartAsync();
        await using RedLockStore store = quorum.NewStore(settings: s_patient);
        await CycleAsync(store, "k");
        // One of the two that are left has seen a much higher token.
        quorum.Servers[2].Freeze();
        long future = Future();
        await WriteFenceAsync(quorum.Servers[1], "k", future);
        string id = Guid.NewGuid().ToString();
        AcquireReply reply = await store.TryAcquireAsync(new AcquireRequest("k", id, "tester", s_ttl), CancellationToken.None);
        Assert.Equal(future + 1, reply.FencingToken);
        foreach (RedisServer? server in quorum.Servers.Take(2))
            Assert.Equal(future + 1, await FenceAsync(server, "k"));
        Assert.Equal(StoreReply.Done, await store.TryReleaseAsync("k", id, CancellationToken.None));

        // Without the one that gave it the next token is higher all the same.
        quorum.Servers[2].Thaw();
        quorum.Servers[1].Freeze();
        Assert.True(await CycleAsync(store, "k") > future + 1);
    }

    [Fact]
    public async Task A_token_rises_whatever_majority_gives_the_next_grant_and_however_its_clock_steps_back()
    {
        await using Quorum quorum = await Quorum.StartAsync();
        await using RedLockStore store = quorum.NewStore(settings: s_patient);
        long last = await CycleAsync(store, "k");
        for (int round = 0; round < 6; round++)
        {
            // Another node is cut off each time, and each proposal is lower than all that there were, yet near enough to the nodes' clocks
            // to be taken.
            RedisServer down = quorum.Servers[round % 3];
            down.Freeze();
            await using RedLockStore other = ShiftedStore(quorum, TimeSpan.FromSeconds(-8 * (round + 1)));
            long token = await CycleAsync(other, "k");
            Assert.True(token > last, $"round {round}: {token} after {last}");
            last = token;
            down.Thaw();
        }
    }

    [Theory]
    [InlineData("released")]
    [InlineData("released to a waiter")]
    [InlineData("forced")]
    [InlineData("withdrawn")]
    public async Task A_token_outlives_the_lease_however_that_ends(string end)
    {
        await using Quorum quorum = await Quorum.StartAsync(1);
        await using RedLockStore store = quorum.NewStore(settings: s_patient);
        string id = Guid.NewGuid().ToString();
        Assert.True((await store.TryAcquireAsync(new AcquireRequest("k", id, "tester", s_ttl), CancellationToken.None)).IsGranted);
        long future = Future();
        await WriteFenceAsync(quorum.Servers[0], "k", future, id);
        switch (end)
        {
            case "released":
                Assert.Equal(StoreReply.Done, await store.TryReleaseAsync("k", id, CancellationToken.None));
                break;
            case "released to a waiter":
                // Who was answered busy is told, so that the release is not the common one.
                var request = new AcquireRequest("k", Guid.NewGuid().ToString(), "waiter", s_ttl);
                Assert.False((await store.TryAcquireAsync(request, CancellationToken.None)).IsGranted);
                Assert.Equal(StoreReply.Done, await store.TryReleaseAsync("k", id, CancellationToken.None));
                break;
            case "forced":
                Assert.True(await store.ForceReleaseAsync("k", CancellationToken.None));
                break;
            default:
                await store.Nodes[0].WithdrawAsync("k", id, quietly: false, CancellationToken.None);
                break;
        }

        Assert.True(await CycleAsync(store, "k") > future);
    }

    [Fact]
    public async Task A_clock_that_is_far_off_decides_no_token()
    {
        string key = NewKey();
        await using RedLockStore store = fixture.Quorum.NewStore();
        long before = await CycleAsync(store, key);
        foreach (TimeSpan skew in new[] { TimeSpan.FromDays(4000), TimeSpan.FromDays(-4000) })
        {
            await using RedLockStore skewed = ShiftedStore(fixture.Quorum, skew);
            long token = await CycleAsync(skewed, key);
            Assert.True(token > before);
            Assert.InRange(token, before, before + 60_000_000);
            before = token;
        }
    }

    /// <summary>A token that no clock gives for a while.</summary>
    private static long Future() => DateTimeOffset.UtcNow.AddMinutes(30).ToUnixTimeMilliseconds() * 1000;

    private static RedLockStore ShiftedStore(Quorum quorum, TimeSpan by) => RedLockProvider.Create(
        [.. quorum.Servers.Select(static server => (RedisLockStore)new RedisLockProvider().CreateStore(
            new RedisLockSettings { Port = server.Port }))],
        s_patient, new LockOptions(), new ShiftedTime(by), TimeSpan.FromSeconds(30));

    private static string NewKey() => $"test-{Guid.NewGuid():N}";

    private static async Task<long> CycleAsync(ILockStore store, string key)
    {
        string id = Guid.NewGuid().ToString();
        AcquireReply reply = await store.TryAcquireAsync(new AcquireRequest(key, id, "tester", s_ttl), CancellationToken.None);
        Assert.True(reply.IsGranted);
        Assert.Equal(StoreReply.Done, await store.TryReleaseAsync(key, id, CancellationToken.None));
        return reply.FencingToken!.Value;
    }

    private static async Task<int> CallsAsync(Testing.RedisServer server)
    {
        string line = ((string)(await server.CommandAsync("INFO", "commandstats"))!).Split("\r\n").First(
            one => one.StartsWith("cmdstat_evalsha:", StringComparison.Ordinal));
        return int.Parse(line.Split("calls=")[1].Split(',')[0], System.Globalization.CultureInfo.InvariantCulture);
    }

    private static async Task WriteFenceAsync(Testing.RedisServer server, string key, long token, string holder = "x") =>
        Assert.Equal("OK", await server.CommandAsync(
            "EVAL", "return redis.call('set', redis.call('keys', ARGV[1] .. '*f')[1], ARGV[2])", "0", key + "?", $"{token} {holder} y"));

    private static async Task<long> FenceAsync(Testing.RedisServer server, string key)
    {
        string fence = (string)(
            await server.CommandAsync("EVAL", "return redis.call('get', redis.call('keys', ARGV[1] .. '*f')[1])", "0", key + "?"))!;
        return long.Parse(fence.Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture);
    }

    private sealed class ShiftedTime(TimeSpan by) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + by;
    }
}
