using Locking.Conformance;
using Locking.Testing;

namespace Locking;

/// <summary>Any minority of the servers may be down, frozen, slow, cut off, unheard, restarted empty: at the start, in mid-hold, in
/// mid-wait.</summary>
public sealed class MinorityTests
{
    private static readonly LockOptions s_options = new() { Ttl = TimeSpan.FromSeconds(2) };

    public static TheoryData<string> Troubles => new() { "killed", "frozen", "slow", "cut off", "unheard" };

    [Theory]
    [MemberData(nameof(Troubles))]
    public async Task A_node_in_trouble_in_mid_hold_costs_neither_the_lease_nor_the_next_grants(string trouble)
    {
        // Whoever waited for the node in trouble would wait for hours.
        var renewed = new LockOptions { Ttl = TimeSpan.FromSeconds(30) };
        await using Quorum quorum = await Quorum.StartBehindNetworksAsync();
        await using var locks = new StoreLock(quorum.NewStore(renewed), renewed);
        await using var others = new StoreLock(
            quorum.NewStore(renewed, settings: new RedLockSettings { NodeTimeout = TimeSpan.FromHours(1) }), renewed);
        await using ILockHandle held = await locks.LockAsync("k");
        foreach (RedisServer server in quorum.Servers)
            await Eventually.TrueAsync(async () => (string?)await server.CommandAsync("GET", "k") == held.Id, "the vote of every node");
        Trouble(quorum, 1, trouble);
        await RenewedAsync(quorum.Servers[0], "k");
        await RenewedAsync(quorum.Servers[2], "k");
        Assert.True(held.LostReason is null, $"renewed by the two that are left, but {held.LostReason}");
        Assert.Null(await others.TryLockAsync("k"));
        Assert.Equal(UnlockOutcome.Released, await held.UnlockAsync());

        long? last = held.FencingToken;
        for (int i = 0; i < 50; i++)
        {
            ILockHandle next = await Eventually.DoneAsync(others.LockAsync("k").AsTask(), $"a lock with one node {trouble}");
            Assert.True(next.FencingToken > last);
            last = next.FencingToken;
            Assert.Equal(
                UnlockOutcome.Released, await Eventually.DoneAsync(next.UnlockAsync().AsTask(), $"an unlock with one node {trouble}"));
        }
    }

    [Theory]
    [MemberData(nameof(Troubles))]
    public async Task A_node_in_trouble_from_the_start_is_done_without(string trouble)
    {
        await using Quorum quorum = await Quorum.StartBehindNetworksAsync();
        await using (RedLockStore first = quorum.NewStore(s_options))
            await TakeAndReleaseAsync(first, "warm"); // a quorum in use
        Trouble(quorum, 0, trouble);
        await using var locks = new StoreLock(quorum.NewStore(s_options), s_options);
        await using ILockHandle held = await Eventually.DoneAsync(locks.LockAsync("k").AsTask(), "the lock");
        Assert.True(held.Remaining > TimeSpan.Zero);
    }

    [Theory]
    [MemberData(nameof(Troubles))]
    public async Task Waiters_are_woken_although_a_node_is_in_trouble(string trouble)
    {
        await using Quorum quorum = await Quorum.StartBehindNetworksAsync();
        LockOptions options = s_options with { PollInterval = TimeSpan.FromMinutes(10), Ttl = TimeSpan.FromMinutes(10) };
        var quick = new RedLockSettings { NodeTimeout = TimeSpan.FromMilliseconds(100) };
        await using var locks = new StoreLock(quorum.NewStore(options, settings: quick), options);
        await using var others = new StoreLock(quorum.NewStore(options, settings: quick), options);
        ILockHandle held = await locks.LockAsync("k");
        Task<ILockHandle> waiting = others.LockAsync("k").AsTask();
        await Eventually.TrueAsync(async () =>
        {
            foreach (RedisServer server in quorum.Servers)
            {
                if ((long)((object?[])(await server.CommandAsync("PUBSUB", "NUMSUB", "lock:released"))!)[1]! == 0)
                    return false;
            }

            return true;
        }, "subscribed everywhere");
        Trouble(quorum, 2, trouble);
        await held.UnlockAsync();
        ILockHandle next = await Eventually.DoneAsync(waiting, "the waiter's lock");
        Assert.True(next.FencingToken > held.FencingToken);
        await next.UnlockAsync();
    }

    [Fact]
    public async Task Servers_of_two_makes_are_one_quorum_whichever_of_them_is_frozen()
    {
        await using Quorum quorum = await Quorum.StartMixedAsync();
        await using var locks = new StoreLock(quorum.NewStore(s_options), s_options);
        long? last = 0;
        foreach (RedisServer frozen in quorum.Servers)
        {
            await using (ILockHandle all = await locks.LockAsync("k"))
            {
                foreach (RedisServer server in quorum.Servers)
                    await Eventually.TrueAsync(
                        async () => (string?)await server.CommandAsync("GET", "k") == all.Id, "the vote of every node");
                Assert.True(all.FencingToken > last);
                last = all.FencingToken;
            }

            frozen.Freeze();
            await using (ILockHandle most = await Eventually.DoneAsync(locks.LockAsync("k").AsTask(), "a lock of the other two"))
            {
                Assert.True(most.FencingToken > last);
                last = most.FencingToken;
            }

            frozen.Thaw();
        }
    }

    [Fact]
    public async Task A_majority_in_trouble_is_a_failure_and_a_loss_and_never_a_grant()
    {
        await using Quorum quorum = await Quorum.StartAsync();
        await using var locks = new StoreLock(quorum.NewStore(s_options), s_options);
        await using ILockHandle held = await locks.LockAsync("k");
        quorum.Servers[0].Kill();
        quorum.Servers[2].Freeze();
        await using RedLockStore store = quorum.NewStore(s_options, TimeSpan.FromMilliseconds(500));
        await Eventually.TrueAsync(
            async () =>
            {
                LockStoreException fault = await Assert.ThrowsAsync<LockStoreException>(() => AskAsync(store, "other", NewId()));
                Assert.True(fault.IsTransient);
                return fault.Message.Contains(
                    "1 of 3 nodes", StringComparison.Ordinal); // a busy machine may have made the third one late, too
            },
            "a vote of the one that is left");
        await Eventually.TrueAsync(() => held.LostToken.IsCancellationRequested, "the loss");
        Assert.Equal(LostReason.Expired, held.LostReason);

        quorum.Servers[2].Thaw();
        await using ILockHandle again = await Eventually.DoneAsync(locks.LockAsync("other").AsTask(), "a lock with two of three");
        Assert.NotNull(again.FencingToken);
    }

    [Fact]
    public async Task A_node_that_restarted_empty_gives_nobody_a_second_majority()
    {
        // A machine that is too busy to ask often enough within a lease has a longer one.
        for (TimeSpan ttl = TimeSpan.FromSeconds(8); !await IsProvedAsync(ttl); ttl *= 2)
            Assert.True(ttl < TimeSpan.FromMinutes(1), "while the lease lived, nobody has asked again and again");
    }

    private static async Task<bool> IsProvedAsync(TimeSpan ttl)
    {
        var options = new LockOptions { Ttl = ttl };
        await using Quorum quorum = await Quorum.StartAsync();
        await using RedLockStore store = quorum.NewStore(options);
        await using RedLockStore other = quorum.NewStore(options);
        await TakeAndReleaseAsync(other, "warm");

        // The holder has the lock on nodes 0 and 1; node 2 has not heard of it.
        string holder = NewId();
        await TakeAsync(store, "k", holder, ttl);
        foreach (RedisServer server in quorum.Servers)
            await Eventually.TrueAsync(async () => (string?)await server.CommandAsync("GET", "k") == holder, "the vote of every node");
        await quorum.Servers[2].CommandAsync("DEL", "k");
        // Node 1 forgets: with node 2 that would be a second majority.
        quorum.Servers[1].Kill();
        await quorum.Servers[1].StartAgainAsync();
        await using RedLockStore newcomer = quorum.NewStore(options);
        ILockStore[] contenders = [other, newcomer];
        // From here on each of them is connected to the node again: it has asked it for a vote.
        foreach (ILockStore contender in contenders)
        {
            long before = await VotesAskedAsync(quorum.Servers[1]);
            await Eventually.TrueAsync(async () =>
            {
                await Record.ExceptionAsync(() => AskAsync(contender, "warm", NewId(), TimeSpan.FromMilliseconds(10)));
                return await VotesAskedAsync(quorum.Servers[1]) > before;
            }, "the node asked");
        }

        int[] asked = new int[contenders.Length];
        long votesBefore = await VotesAskedAsync(quorum.Servers[1]);
        long votesWhileHeld = 0;
        bool granted = false;
        while (!granted)
        {
            for (int i = 0; i < contenders.Length && !granted; i++)
            {
                try
                {
                    granted = (await AskAsync(contenders[i], "k", NewId(), ttl)).IsGranted;
                }
                catch (LockStoreException fault)
                {
                    Assert.True(fault.IsTransient);
                }

                // Only when the node that has not forgotten has let go as well.
                if (granted)
                {
                    Assert.NotEqual(holder, Quorum.HolderIn(await quorum.Servers[0].CommandAsync("GET", "k")));
                }
                else if (Quorum.HolderIn(await quorum.Servers[0].CommandAsync("GET", "k")) == holder)
                {
                    asked[i]++;
                    votesWhileHeld = await VotesAskedAsync(quorum.Servers[1]) - votesBefore;
                }
            }

            await Task.Delay(20);
        }

        // While the lease lived, both have tried again and again, and the node that had forgotten was asked each time.
        if (asked.Min() < 10)
            return false;
        Assert.True(votesWhileHeld >= asked.Sum(), $"{votesWhileHeld} votes asked in {asked.Sum()} attempts");
        // When the longest lease is over, the node votes again, and everybody can have the lock with any majority.
        quorum.Servers[0].Freeze();
        await using var locks = new StoreLock(quorum.NewStore(options), options);
        await using ILockHandle next = await Eventually.DoneAsync(locks.LockAsync("k").AsTask(), "a lock with the node that restarted");
        Assert.NotNull(next.FencingToken);
        return true;
    }

    [Fact]
    public async Task A_node_that_was_flushed_does_not_vote_before_the_longest_lease_is_over()
    {
        await using Quorum quorum = await Quorum.StartAsync();
        await using RedLockStore store = quorum.NewStore(new LockOptions { Ttl = TimeSpan.FromSeconds(3) });
        await TakeAsync(store, "k", NewId(), TimeSpan.FromSeconds(3));
        foreach (RedisServer server in quorum.Servers)
            await Eventually.TrueAsync(async () => await server.CommandAsync("GET", "k") is not null, "the vote of every node");
        await quorum.Servers[1].CommandAsync("FLUSHALL");
        await quorum.Servers[2].CommandAsync("DEL", "k");
        Exception? refused = await Record.ExceptionAsync(
            async () => Assert.False((await AskAsync(store, "k", NewId(), TimeSpan.FromSeconds(3))).IsGranted));
        Assert.True(refused is null or LockStoreException { IsTransient: true }, refused?.ToString());
        await Eventually.TrueAsync(async () =>
        {
            string? life = (string?)await quorum.Servers[1].CommandAsync(
                "EVAL", "return redis.call('get', redis.call('keys', 'lock*life')[1])", "0");
            return life is not null && !life.StartsWith("0 ", StringComparison.Ordinal);
        }, "the node's rest noted");
    }

    [Fact]
    public async Task A_new_quorum_serves_at_once_whoever_comes_first()
    {
        await using Quorum quorum = await Quorum.StartAsync();
        var options = new LockOptions { Ttl = TimeSpan.FromMinutes(10) };
        List<RedLockStore> stores = Enumerable.Range(0, 4).Select(_ => quorum.NewStore(options)).ToList();
        List<StoreLock> locks = stores.ConvertAll(store => new StoreLock(store, options));
        await Eventually.DoneAsync(
            Task.WhenAll(locks.Select(async one =>
            {
                await using ILockHandle handle = await one.LockAsync("first");
            })),
            "all of them");
        foreach (StoreLock? one in locks)
            await one.DisposeAsync();
    }

    /// <summary>Waits until a lease on a node lasts longer than it did.</summary>
    private static async Task RenewedAsync(Testing.RedisServer server, string key)
    {
        long last = long.MaxValue;
        await Eventually.TrueAsync(
            async () =>
            {
                long left = (long)(await server.CommandAsync("PTTL", key))!;
                bool isRenewed = left > last;
                last = left;
                return isRenewed;
            },
            "a renewal");
    }

    private static void Trouble(Quorum quorum, int node, string trouble)
    {
        switch (trouble)
        {
            case "killed":
                quorum.Servers[node].Kill();
                break;
            case "frozen":
                quorum.Servers[node].Freeze();
                break;
            case "slow":
                // Far beyond what a vote is waited for.
                quorum.Networks[node].Delay = TimeSpan.FromMilliseconds(400);
                break;
            case "cut off":
                quorum.Networks[node].Cut();
                break;
            case "unheard":
                quorum.Networks[node].SwallowAnswers();
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(trouble), trouble, null);
        }
    }

    /// <summary>How often the node was asked for a vote: each is one script.</summary>
    private static async Task<long> VotesAskedAsync(Testing.RedisServer server)
    {
        IEnumerable<string> line = ((string)(await server.CommandAsync("INFO", "commandstats"))!).Split("\r\n")
            .Where(static one => one.StartsWith("cmdstat_eval", StringComparison.Ordinal));
        return line.Sum(static one => long.Parse(one.Split("calls=")[1].Split(',')[0], System.Globalization.CultureInfo.InvariantCulture));
    }

    private static string NewId() => Guid.NewGuid().ToString();

    private static async Task<AcquireReply> AskAsync(ILockStore store, string key, string id, TimeSpan? ttl = null) =>
        await store.TryAcquireAsync(new AcquireRequest(key, id, "tester", ttl ?? TimeSpan.FromSeconds(2)), CancellationToken.None);

    private static async Task TakeAndReleaseAsync(ILockStore store, string key)
    {
        string id = NewId();
        await TakeAsync(store, key, id, TimeSpan.FromSeconds(2));
        // Asked twice it may be gone already.
        Assert.NotEqual(
            StoreReply.HeldByAnother, await WhenAnsweredAsync(async () => await store.TryReleaseAsync(key, id, CancellationToken.None)));
    }

    /// <summary>What a test needs before it begins. A busy machine may make servers slower than a vote is waited for: that is a fault that
    /// passes, and asking again with the same id is what it is answered with.</summary>
    private static async Task TakeAsync(ILockStore store, string key, string id, TimeSpan ttl) =>
        Assert.True((await WhenAnsweredAsync(() => AskAsync(store, key, id, ttl))).IsGranted);

    private static async Task<T> WhenAnsweredAsync<T>(Func<Task<T>> ask)
    {
        long began = TimeProvider.System.GetTimestamp();
        while (true)
        {
            try
            {
                return await ask();
            }
            catch (LockStoreException fault) when (fault.IsTransient && TimeProvider.System.GetElapsedTime(began) < Eventually.Patience)
            {
                await Task.Delay(20);
            }
        }
    }
}
