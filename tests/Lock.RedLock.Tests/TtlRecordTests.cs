using Locking.Conformance;
using Locking.Testing;

namespace Locking;

/// <summary>A node that came back without its data stays out as long as any lease may live that it has forgotten, whoever asks: the ttls
/// are on record at the other nodes before anybody is asked for a vote.</summary>
public sealed class TtlRecordTests
{
    private const string Key = "k";
    private static readonly TimeSpan s_long = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan s_nearlySo = TimeSpan.FromMinutes(9);
    private static readonly LockOptions s_brief = new() { Ttl = TimeSpan.FromSeconds(1) };
    private static readonly RedLockSettings s_patient = new() { NodeTimeout = TimeSpan.FromSeconds(30) };

    /// <summary>Of how the memory is lost, and whether the process that asks has known the nodes before.</summary>
    public static TheoryData<string, bool> Losses =>
        new() { { "flushed", true }, { "flushed", false }, { "restarted", true }, { "restarted", false } };

    [Theory]
    [MemberData(nameof(Losses))]
    public async Task A_node_stays_out_for_a_ttl_that_only_another_process_has(string loss, bool knewIt)
    {
        await using Quorum quorum = await Quorum.StartAsync();
        await using RedLockStore known = quorum.NewStore(s_brief, settings: s_patient);
        await TakeOnAllAsync(quorum, known, "warm", s_brief.Ttl!.Value);
        string holder = await HoldOnFirstTwoAsync(quorum, s_long);

        await LoseAsync(quorum.Servers[1], loss);
        await using RedLockStore newcomer = quorum.NewStore(s_brief, settings: s_patient);
        await NobodyElseGetsItAsync(knewIt ? known : newcomer, quorum, node: 1);
        Assert.Equal(holder, Quorum.HolderIn(await quorum.Servers[0].CommandAsync("GET", Key)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_lease_that_was_extended_for_longer_counts_as_long_as_that(bool byItsHolder)
    {
        await using Quorum quorum = await Quorum.StartAsync();
        await using RedLockStore store = quorum.NewStore(s_brief, settings: s_patient);
        string holder = NewId();
        await TakeOnAllAsync(quorum, store, Key, TimeSpan.FromSeconds(60), holder);
        await using RedLockStore other = quorum.NewStore(s_brief, settings: s_patient);
        Assert.Equal(StoreReply.Done, await (byItsHolder ? store : other).TryExtendAsync(Key, holder, s_long, CancellationToken.None));
        await quorum.Servers[2].CommandAsync("DEL", Key);

        await quorum.Servers[1].CommandAsync("FLUSHALL");
        await using RedLockStore newcomer = quorum.NewStore(s_brief, settings: s_patient);
        await NobodyElseGetsItAsync(newcomer, quorum, node: 1);
    }

    [Fact]
    public async Task A_majority_stays_out_for_as_long_as_the_one_that_is_left_knows()
    {
        await using Quorum quorum = await Quorum.StartAsync();
        await HoldOnFirstTwoAsync(quorum, s_long);
        quorum.Servers[1].Kill();
        quorum.Servers[2].Kill();
        await quorum.Servers[1].StartAgainAsync();
        await quorum.Servers[2].StartAgainAsync();
        await using RedLockStore newcomer = quorum.NewStore(s_brief, settings: s_patient);
        await NobodyElseGetsItAsync(newcomer, quorum, node: 1);
        await NobodyElseGetsItAsync(newcomer, quorum, node: 2);
    }

    [Fact]
    public async Task A_node_that_stays_out_itself_tells_the_next_how_long()
    {
        await using Quorum quorum = await Quorum.StartAsync();
        await HoldOnFirstTwoAsync(quorum, s_long);
        await quorum.Servers[1].CommandAsync("FLUSHALL");
        await using (RedLockStore first = quorum.NewStore(s_brief, settings: s_patient))
            await NobodyElseGetsItAsync(first, quorum, node: 1);

        // Nobody but the one that stays out knows of the lease now.
        foreach (int node in new[] { 0, 2 })
        {
            await quorum.Servers[node].CommandAsync("EVAL", "return redis.call('del', unpack(redis.call('keys', 'lock*ttls')))", "0");
            Assert.Equal(TimeSpan.Zero, (await LifeAsync(quorum.Servers[node])).Longest);
        }

        await quorum.Servers[0].CommandAsync("FLUSHALL");
        await using RedLockStore second = quorum.NewStore(s_brief, settings: s_patient);
        await NobodyElseGetsItAsync(second, quorum, node: 0);
    }

    [Fact]
    public async Task A_node_stays_out_until_enough_of_the_others_have_told_and_no_majority_forgot()
    {
        await using Quorum quorum = await Quorum.StartAsync();
        await HoldOnFirstTwoAsync(quorum, s_long);
        await quorum.Servers[1].CommandAsync("FLUSHALL");
        quorum.Servers[0].Freeze();
        await using RedLockStore newcomer = quorum.NewStore(s_brief, TimeSpan.FromSeconds(1));
        LockStoreException fault = await Assert.ThrowsAsync<LockStoreException>(() => AskAsync(newcomer, Key, NewId(), s_brief.Ttl!.Value));
        Assert.True(fault.IsTransient);
        Assert.False(fault.MayHaveBeenApplied);
        await Eventually.TrueAsync(
            async () => (await Assert.ThrowsAsync<LockStoreException>(() => AskAsync(newcomer, Key, NewId(), s_brief.Ttl!.Value)))
                .Message.Contains("has restarted without its data", StringComparison.Ordinal),
            "the reason said");
        Assert.Equal("", (await LifeAsync(quorum.Servers[1])).Note);

        quorum.Servers[0].Thaw();
        await NobodyElseGetsItAsync(newcomer, quorum, node: 1);
    }

    [Fact]
    public async Task What_clients_of_other_libraries_hold_is_taken_to_be_no_longer_than_the_longest_ttl_here()
    {
        await using Quorum quorum = await Quorum.StartAsync();
        await using RedLockStore store = quorum.NewStore(s_brief with { Ttl = s_long }, settings: s_patient);
        await TakeOnAllAsync(quorum, store, "warm", TimeSpan.FromSeconds(1));
        foreach (RedisServer? server in quorum.Servers.Take(2))
            await server.CommandAsync("SET", Key, "theirs", "NX", "PX", "600000");
        await quorum.Servers[1].CommandAsync("FLUSHALL");
        await NobodyElseGetsItAsync(store, quorum, node: 1);
    }

    [Fact]
    public async Task Nobody_is_asked_for_a_vote_before_a_majority_has_the_ttl_on_record()
    {
        await using Quorum quorum = await Quorum.StartBehindNetworksAsync();
        await using RedLockStore store = quorum.NewStore(s_brief, TimeSpan.FromMinutes(1), s_patient);
        await TakeOnAllAsync(quorum, store, "warm", s_brief.Ttl!.Value);
        quorum.Networks[1].Cut();
        quorum.Networks[2].Cut();
        Task<AcquireReply> asking = AskAsync(store, Key, NewId(), s_long);
        await Eventually.TrueAsync(async () => (await LifeAsync(quorum.Servers[0])).Longest == s_long, "the record at the first");
        // What is asked behind the record would be answered by now.
        await store.Nodes[0].Store.GetAsync("other", CancellationToken.None);
        Assert.Null(await quorum.Servers[0].CommandAsync("GET", Key));

        quorum.Networks[1].Mend();
        Assert.True((await Eventually.DoneAsync(asking, "the lock")).IsGranted);
    }

    [Fact]
    public async Task The_vote_of_a_node_whose_record_came_behind_the_others_votes_is_not_counted()
    {
        var ready = new TaskCompletionSource();
        ScriptedNode[] nodes =
        [
            new("n1", Task.FromResult(new Vote(VoteKind.Granted, Token: 7))),
            new("n2", Task.FromResult(new Vote(VoteKind.Busy, Remaining: TimeSpan.FromMinutes(1), HolderId: "other"))),
            new("n3", Task.FromResult(new Vote(VoteKind.Granted, Token: 7))) { IsReady = false, Preparation = ready.Task },
        ];
        await using RedLockStore store = ScriptedNode.StoreOf(nodes);
        Assert.False((await AskAsync(store, Key, "z", TimeSpan.FromSeconds(30))).IsGranted);
        // It may have voted all the same.
        Assert.Equal([1, 0, 1], nodes.Select(static node => node.Withdrawals));
    }

    [Fact]
    public async Task An_extension_does_not_count_on_a_node_that_has_not_the_ttl_on_record()
    {
        ScriptedNode[] nodes = [.. new[] { "n1", "n2", "n3" }
            .Select(static name => new ScriptedNode(name, Task.FromResult(new Vote(VoteKind.Granted, Token: 7))))];
        await using RedLockStore store = ScriptedNode.StoreOf(nodes, connectTimeout: TimeSpan.FromMilliseconds(100));
        Assert.True((await AskAsync(store, Key, "z", TimeSpan.FromSeconds(30))).IsGranted);
        nodes[0].IsReady = nodes[1].IsReady = false;
        LockStoreException fault = await Assert.ThrowsAsync<LockStoreException>(
            async () => await store.TryExtendAsync(Key, "z", s_long, CancellationToken.None));
        Assert.Contains("1 of 3 nodes are ready", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_ttl_is_put_on_record_once_an_hour_and_asked_for_without_a_word_more()
    {
        await using Quorum quorum = await Quorum.StartAsync();
        var time = new LaterTime();
        IEnumerable<RedisLockStore> stores = quorum.Servers.Select(server => (RedisLockStore)new RedisLockProvider().CreateStore(
            new RedisLockSettings { Port = server.Port }));
        await using RedLockStore store = RedLockProvider.Create([.. stores], s_patient, s_brief, time, TimeSpan.FromSeconds(30));
        await TakeOnAllAsync(quorum, store, "warm", s_long);
        await TakeOnAllAsync(quorum, store, "brief", s_brief.Ttl!.Value);
        string?[] before = await RecordsAsync();
        for (int i = 0; i < 5; i++)
            await TakeOnAllAsync(quorum, store, $"k{i}", i % 2 == 0 ? s_long : s_brief.Ttl!.Value);
        Assert.Equal(before, await RecordsAsync());

        time.Later = Admission.Serves;
        await TakeOnAllAsync(quorum, store, "later", s_long);
        Assert.All((await RecordsAsync()).Zip(before), static pair => Assert.NotEqual(pair.First, pair.Second));

        async Task<string?[]> RecordsAsync() => await Task.WhenAll(quorum.Servers.Select(
            static async server =>
                (string?)await server.CommandAsync("EVAL", "return redis.call('get', redis.call('keys', 'lock*ttls')[1])", "0")));
    }

    [Fact]
    public async Task A_vote_is_for_those_alone_who_know_the_note()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        RedisVoter voter = VoterAt(server);
        await voter.AdmitAsync(await voter.ReadLifeAsync(CancellationToken.None), TimeSpan.Zero, CancellationToken.None);
        RedisLife first = await voter.ReadLifeAsync(CancellationToken.None);
        await server.CommandAsync("FLUSHALL");
        await voter.AdmitAsync(await voter.ReadLifeAsync(CancellationToken.None), TimeSpan.Zero, CancellationToken.None);
        RedisLife second = await voter.ReadLifeAsync(CancellationToken.None);
        var request = new AcquireRequest(Key, NewId(), "tester", s_long);
        // The same life of the server, which has lost its memory in between.
        Assert.Equal(
            RedisVoteKind.NotAdmitted, (await AwaitedStep.VoteAsync(voter, request, first.Note, 1, TimeSpan.FromHours(1))).Kind);
        Assert.Null(await server.CommandAsync("GET", Key));
        Assert.Equal(
            RedisVoteKind.Granted, (await AwaitedStep.VoteAsync(voter, request, second.Note, 1, TimeSpan.FromHours(1))).Kind);
    }

    [Fact]
    public async Task The_record_keeps_the_longest_as_long_as_its_leases_live_and_no_longer()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        RedisVoter voter = VoterAt(server);
        Assert.Equal(TimeSpan.Zero, (await DeclareAsync(s_long, Admission.Serves)).Longest);
        await voter.AdmitAsync(await voter.ReadLifeAsync(CancellationToken.None), TimeSpan.Zero, CancellationToken.None);
        Assert.Equal(s_long, (await DeclareAsync(s_long, Admission.Serves)).Longest);
        Assert.Equal(s_long, (await DeclareAsync(s_long / 2, Admission.Serves)).Longest);
        Assert.Equal(s_long, (await voter.ReadLifeAsync(CancellationToken.None)).Longest);
        // Longer, and over at once.
        Assert.Equal(s_long * 2, (await DeclareAsync(s_long * 2, -s_long * 3)).Longest);
        Assert.Equal(s_long, (await voter.ReadLifeAsync(CancellationToken.None)).Longest);
        // What is longer and ends later says all that the others said.
        await DeclareAsync(s_long * 3, Admission.Serves);
        string record = (string)(await server.CommandAsync("EVAL", "return redis.call('get', redis.call('keys', 'lock*ttls')[1])", "0"))!;
        Assert.DoesNotContain(" ", record, StringComparison.Ordinal);
        long left = (long)(await server.CommandAsync("EVAL", "return redis.call('pttl', redis.call('keys', 'lock*ttls')[1])", "0"))!;
        Assert.InRange(TimeSpan.FromMilliseconds(left), s_long * 3, Admission.Serves + s_long * 3.1);

        Task<RedisLife> DeclareAsync(TimeSpan ttl, TimeSpan serves) => voter.DeclareAsync(ttl, serves, CancellationToken.None);
    }

    /// <summary>Has a lock on the first two nodes; the third has not heard of it.</summary>
    private static async Task<string> HoldOnFirstTwoAsync(Quorum quorum, TimeSpan ttl)
    {
        string holder = NewId();
        await using RedLockStore store = quorum.NewStore(s_brief with { Ttl = ttl }, settings: s_patient);
        await TakeOnAllAsync(quorum, store, Key, ttl, holder);
        await quorum.Servers[2].CommandAsync("DEL", Key);
        return holder;
    }

    private static async Task LoseAsync(RedisServer server, string loss)
    {
        if (loss == "flushed")
        {
            await server.CommandAsync("FLUSHALL");
            return;
        }

        server.Kill();
        await server.StartAgainAsync();
    }

    /// <summary>Asks until the node's rest is noted, which is as long as the lease, and is refused.</summary>
    private static async Task NobodyElseGetsItAsync(RedLockStore store, Quorum quorum, int node)
    {
        await Eventually.TrueAsync(
            async () =>
            {
                Exception? refused = await Record.ExceptionAsync(
                    async () => Assert.False((await AskAsync(store, Key, NewId(), s_brief.Ttl!.Value)).IsGranted));
                Assert.True(refused is null or LockStoreException { IsTransient: true }, refused?.ToString());
                return (await LifeAsync(quorum.Servers[node])).IsNoted;
            },
            "the node's rest noted");
        Assert.InRange((await LifeAsync(quorum.Servers[node])).Rest, s_nearlySo, s_long * 1.1);
    }

    private static async Task TakeOnAllAsync(Quorum quorum, RedLockStore store, string key, TimeSpan ttl, string? id = null)
    {
        id ??= NewId();
        Assert.True((await AskAsync(store, key, id, ttl)).IsGranted);
        foreach (RedisServer server in quorum.Servers)
        {
            await Eventually.TrueAsync(
                async () =>
                    (string?)await server.CommandAsync("GET", key) == id ||
                        (ttl < s_long && await server.CommandAsync("GET", key) is null), "the vote of every node");
        }
    }

    private static RedisVoter VoterAt(RedisServer server) => new((RedisLockStore)new RedisLockProvider().CreateStore(
        new RedisLockSettings { Port = server.Port }));

    private static async Task<RedisLife> LifeAsync(RedisServer server)
    {
        RedisVoter voter = VoterAt(server);
        await using (voter.Store)
            return await voter.ReadLifeAsync(CancellationToken.None);
    }

    private static string NewId() => Guid.NewGuid().ToString();

    private static async Task<AcquireReply> AskAsync(ILockStore store, string key, string id, TimeSpan ttl) =>
        await store.TryAcquireAsync(new AcquireRequest(key, id, "tester", ttl), CancellationToken.None);

    private sealed class LaterTime : TimeProvider
    {
        public TimeSpan Later { get; set; }

        public override long GetTimestamp() => base.GetTimestamp() + (long)(Later.TotalSeconds * TimestampFrequency);
    }
}
