using Locking.Conformance;
using Locking.Testing;
using StackExchange.Redis;

namespace Locking;

/// <summary>A lock that is taken away is announced as soon as it can be known: at once when it is forced, at the next renewal
/// otherwise.</summary>
public sealed class LossSignalTests(RedisFixture redis) : RedisTests(redis), IClassFixture<RedisFixture>
{
    private static readonly TimeSpan s_atOnce = TimeSpan.FromSeconds(5);

    /// <summary>Looked at again and again, and never over within a test: what such a lease is lost by is what a renewal was
    /// answered.</summary>
    private static readonly LockOptions s_lookedAt = new() { AutoRenew = true, RenewInterval = TimeSpan.FromMilliseconds(200) };

    /// <summary>None of them would be renewed, or looked at, within the test.</summary>
    public static TheoryData<string, LockOptions, RedisLockSettings> Leases => new()
    {
        { "renewed", new() { Ttl = TimeSpan.FromMinutes(10) }, new() },
        { "fixed", new() { Ttl = TimeSpan.FromMinutes(10), AutoRenew = false }, new() },
        { "without expiry", new() { Ttl = Timeout.InfiniteTimeSpan }, new() },
        { "another format", new() { Ttl = TimeSpan.FromMinutes(10) }, new() { Format = LockFormats.DistLock } },
        { "another prefix", new() { Ttl = TimeSpan.FromMinutes(10) }, new() { KeyPrefix = "p:" } },
    };

    [Theory]
    [MemberData(nameof(Leases))]
    public async Task A_lock_that_another_process_forces_is_announced_at_once(string kind, LockOptions options, RedisLockSettings settings)
    {
        await using var holding = new StoreLock(NewStore(settings), options);
        await using var forcing = new StoreLock(NewStore(settings), options);
        (string key, string other) = (NewKey(), NewKey());
        await using ILockHandle held = await holding.LockAsync(key);
        await using ILockHandle bystander = await holding.LockAsync(other);
        Assert.True(await forcing.ForceUnlockAsync(key), kind);
        await Eventually.TrueAsync(() => held.LostToken.IsCancellationRequested, "the loss", s_atOnce);
        Assert.Equal(LostReason.Forced, held.LostReason);
        Assert.Null(bystander.LostReason);
        await using ILockHandle next = await forcing.LockAsync(key);
        Assert.True(next.FencingToken > held.FencingToken);
    }

    [Fact]
    public async Task It_works_over_a_lent_connection_too_and_leaves_no_subscription_behind()
    {
        ConnectionMultiplexer lent = await StackExchange.Redis.ConnectionMultiplexer.ConnectAsync(Server.EndPoint);
        long before = await ListenersAsync();
        await using (var holding = new StoreLock(new RedisLockStore(lent)))
        {
            await Eventually.TrueAsync(async () => await ListenersAsync() == before + 1, "the subscription");
            string key = NewKey();
            await using ILockHandle held = await holding.LockAsync(key, new LockOptions { Ttl = TimeSpan.FromMinutes(10) });
            await ((IForceReleaseStore)NewStore()).ForceReleaseAsync(key, CancellationToken.None);
            await Eventually.TrueAsync(() => held.LostToken.IsCancellationRequested, "the loss", s_atOnce);
        }

        await Eventually.TrueAsync(async () => await ListenersAsync() == before, "no subscription any more");
        await lent.CloseAsync();
    }

    [Fact]
    public async Task The_subscription_comes_back_with_the_connection()
    {
        long before = await ListenersAsync();
        await using var holding = new StoreLock(NewStore());
        var forcing = (IForceReleaseStore)NewStore();
        for (int round = 0; round < 3; round++)
        {
            string key = NewKey();
            await using ILockHandle held = await holding.LockAsync(key, new LockOptions { Ttl = TimeSpan.FromMinutes(10) });
            await CommandAsync("CLIENT", "KILL", "TYPE", "pubsub");
            await Eventually.TrueAsync(async () => await ListenersAsync() == before + 1, "the subscription again");
            Assert.True(await forcing.ForceReleaseAsync(key, CancellationToken.None));
            await Eventually.TrueAsync(() => held.LostToken.IsCancellationRequested, "the loss", s_atOnce);
            Assert.Equal(LostReason.Forced, held.LostReason);
        }
    }

    [Fact]
    public async Task A_process_has_one_such_subscription_and_no_step_pays_for_it()
    {
        long before = await ListenersAsync();
        await using var locks = new StoreLock(NewStore());
        await using ILockHandle handle = await locks.LockAsync(NewKey());
        Assert.Equal(before + 1, await ListenersAsync());
        await CommandAsync("CONFIG", "RESETSTAT");
        for (int i = 0; i < 50; i++)
            await (await locks.LockAsync(NewKey())).UnlockAsync();
        Dictionary<string, long> counts = await CommandCountsAsync();
        Assert.Equal(100, counts["evalsha"]);
        Assert.Equal(0, counts.GetValueOrDefault("subscribe"));
        // Nobody waits, nobody is forced away: nothing is published.
        Assert.Equal(0, counts.GetValueOrDefault("publish"));
    }

    [Fact]
    public async Task A_user_without_the_channel_locks_all_the_same_and_hears_at_the_next_renewal()
    {
        await using RedisServer server = await Testing.RedisServer.StartAsync();
        Assert.Equal("OK", await server.CommandAsync("ACL", "SETUSER", "default", "resetchannels", "&lock:released"));
        await using var locks = new StoreLock(RedisFixture.StoreAt(server.Port));
        await using var forcing = new StoreLock(RedisFixture.StoreAt(server.Port));
        await using ILockHandle held = await locks.LockAsync("k", s_lookedAt);
        Assert.True(await forcing.ForceUnlockAsync("k"));
        await Eventually.TrueAsync(() => held.LostToken.IsCancellationRequested, "the loss", s_atOnce);
        Assert.Equal(LostReason.Removed, held.LostReason);
    }

    [Fact]
    public async Task What_goes_without_a_word_is_noticed_at_the_next_renewal()
    {
        await using RedisServer server = await Testing.RedisServer.StartAsync();
        await using var locks = new StoreLock(RedisFixture.StoreAt(server.Port));
        foreach (string[] words in new string[][] { ["FLUSHALL"], ["DEL", "k"], ["SET", "k", "a stranger"] })
        {
            await using ILockHandle held = await locks.LockAsync("k", s_lookedAt);
            await server.CommandAsync(words);
            await Eventually.TrueAsync(() => held.LostToken.IsCancellationRequested, "the loss", s_atOnce);
            Assert.Equal(words[0] == "SET" ? LostReason.HeldByAnother : LostReason.Removed, held.LostReason);
        }
    }

    private async Task<long> ListenersAsync() => (long)((object?[])(await CommandAsync("PUBSUB", "NUMSUB", ForcedChannel.Name))!)[1]!;
}
