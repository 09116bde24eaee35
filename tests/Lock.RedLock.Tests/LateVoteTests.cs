using Locking.Conformance;
using Locking.Testing;

namespace Locking;

/// <summary>A node's vote is held up on its way and comes when the others have long decided, and the lock may have been taken
/// away.</summary>
public sealed class LateVoteTests : IAsyncLifetime
{
    private const string Key = "k";
    private static readonly TimeSpan s_ttl = TimeSpan.FromMinutes(10);

    /// <summary>Nodes that answer at all are waited for.</summary>
    private static readonly LockOptions s_options = new() { Ttl = s_ttl };
    private static readonly RedLockSettings s_patient = new() { NodeTimeout = TimeSpan.FromSeconds(30) };

    private readonly string _id = NewId();
    private Quorum _quorum = null!;
    private RedLockStore _store = null!;

    public async Task InitializeAsync()
    {
        _quorum = await Quorum.StartBehindNetworksAsync();
        _store = _quorum.NewStore(s_options, TimeSpan.FromSeconds(60), s_patient);
        await TakeOnAllAsync(_store, "warm", NewId());
    }

    public async Task DisposeAsync()
    {
        await _store.DisposeAsync();
        await _quorum.DisposeAsync();
    }

    [Fact]
    public async Task It_restores_no_majority_that_was_lost_before_it_came()
    {
        await TakeWithoutTheThirdAsync();
        // Taken away on two of three; on one of these the vote is still to come.
        await _quorum.Servers[0].CommandAsync("DEL", Key);
        await _quorum.Servers[2].CommandAsync("DEL", Key);
        _quorum.Networks[2].Mend();
        await HolderAsync(2, _id);

        Assert.Equal(StoreReply.NotHeld, await ExtendAsync());
        // For good, and it is in nobody's way any more.
        foreach (int node in new[] { 1, 2 })
            await HolderAsync(node, null);
        Assert.Equal(StoreReply.NotHeld, await ExtendAsync());
    }

    [Fact]
    public async Task It_is_taken_back_when_the_lease_was_counted_lost_before_it_came()
    {
        await TakeWithoutTheThirdAsync();
        foreach (RedisServer? server in _quorum.Servers.Take(2))
            await server.CommandAsync("DEL", Key);
        long before = await ScriptsAsync(2);
        Assert.Equal(StoreReply.NotHeld, await ExtendAsync());
        Assert.Equal(before, await ScriptsAsync(2));
        _quorum.Networks[2].Mend();

        // The vote, the extension and what takes the vote back, in this order.
        await Eventually.TrueAsync(async () => await ScriptsAsync(2) >= before + 3, "what was on its way");
        Assert.Null(await _quorum.Servers[2].CommandAsync("GET", Key));
        await using RedLockStore other = _quorum.NewStore(s_options, settings: s_patient);
        await TakeOnAllAsync(other, Key, NewId());
    }

    [Fact]
    public async Task It_is_taken_back_on_a_node_that_a_release_does_not_ask()
    {
        ScriptedNode[] nodes = [new("n1", Yes()), new("n2", Yes()), new("n3", new TaskCompletionSource<Vote>().Task)];
        await using RedLockStore store = ScriptedNode.StoreOf(nodes);
        Assert.True((await AskAsync(store, Key, _id)).IsGranted);
        nodes[2].IsSuspect = true;
        Assert.Equal(StoreReply.Done, await store.TryReleaseAsync(Key, _id, CancellationToken.None));
        Assert.Equal([0, 0, 1], nodes.Select(static node => node.Withdrawals));
    }

    [Theory]
    [InlineData(false, 0)]
    [InlineData(true, 1)]
    public async Task It_is_taken_back_once_more_when_its_connection_broke_behind_it(bool broke, int more)
    {
        var late = new TaskCompletionSource<Vote>();
        ScriptedNode[] nodes = [new("n1", Yes()), new("n2", Yes()), new("n3", late.Task)];
        await using RedLockStore store = ScriptedNode.StoreOf(nodes);
        Assert.True((await AskAsync(store, Key, _id)).IsGranted);
        Assert.Equal(StoreReply.Done, await store.TryReleaseAsync(Key, _id, CancellationToken.None));
        if (broke)
            nodes[2].Interruptions++;
        late.SetResult(await Yes());
        await Eventually.TrueAsync(() => nodes[2].Withdrawals >= more, "taken back");
        await Eventually.SettleAsync();
        Assert.Equal(more, nodes[2].Withdrawals);
    }

    [Fact]
    public async Task It_is_no_earlier_attempts_to_take_back_when_the_holder_has_asked_again()
    {
        var late = new TaskCompletionSource<Vote>();
        ScriptedNode[] nodes = [new("n1", Yes()), new("n2", Busy()), new("n3", late.Task)];
        nodes[2].Next = new TaskCompletionSource<Vote>().Task;
        await using RedLockStore store = ScriptedNode.StoreOf(nodes, new RedLockSettings { NodeTimeout = TimeSpan.FromMilliseconds(20) });
        await Record.ExceptionAsync(async () => await AskAsync(store, Key, _id));
        int withdrawals = nodes[2].Withdrawals;
        nodes[1].Next = Yes();
        Assert.True((await AskAsync(store, Key, _id)).IsGranted);
        nodes[2].Interruptions++;
        late.SetResult(await Yes());
        await Eventually.TrueAsync(() => store.Leases.Find(_id)!.StandingOf(2) == NodeStanding.Late, "the late vote");
        Assert.Equal(withdrawals, nodes[2].Withdrawals);
    }

    [Fact]
    public async Task It_may_still_be_asked_for_when_the_caller_has_the_lock_and_gives_up_something_else()
    {
        ScriptedNode[] nodes = [new("n1", Yes()), new("n2", Yes()), new("n3", new TaskCompletionSource<Vote>().Task) { IsReady = false }];
        await using RedLockStore store = ScriptedNode.StoreOf(nodes);
        using var stop = new CancellationTokenSource();
        Assert.True((await store.TryAcquireAsync(new AcquireRequest(Key, _id, "tester", s_ttl), stop.Token)).IsGranted);
        await stop.CancelAsync();
        Assert.False(nodes[2].Ends.IsCancellationRequested);
        await store.TryReleaseAsync(Key, _id, CancellationToken.None);
        Assert.True(nodes[2].Ends.IsCancellationRequested);
    }

    [Fact]
    public async Task It_counts_once_a_majority_that_was_counted_has_confirmed_the_lease()
    {
        await TakeWithoutTheThirdAsync();
        _quorum.Networks[2].Mend();
        await HolderAsync(2, _id);
        // Whether the third node's answer is in when the first two have confirmed is chance: it is asked until it is counted.
        await Eventually.TrueAsync(
            async () =>
            {
                Assert.Equal(StoreReply.Done, await ExtendAsync());
                await Task.Delay(20);
                return _store.Leases.Find(_id)!.StandingOf(2) == NodeStanding.Counted;
            },
            "the late vote counted");
        await _quorum.Servers[0].CommandAsync("DEL", Key);
        Assert.Equal(StoreReply.Done, await ExtendAsync());
        // What one has denied is gone: it comes back to nobody.
        await _quorum.Servers[1].CommandAsync("DEL", Key);
        Assert.Equal(StoreReply.NotHeld, await ExtendAsync());
    }

    [Theory]
    [InlineData("killed")]
    [InlineData("flushed")]
    public async Task It_stands_in_for_a_node_that_has_lost_its_memory(string trouble)
    {
        await TakeWithoutTheThirdAsync();
        _quorum.Networks[2].Mend();
        await StandsAsync(2, NodeStanding.Late);
        if (trouble == "flushed")
        {
            await _quorum.Servers[0].CommandAsync("FLUSHALL");
        }
        else
        {
            _quorum.Servers[0].Kill();
            await _quorum.Servers[0].StartAgainAsync();
            await Eventually.TrueAsync(async () => await AskFirstAsync(), "connected again");
        }

        Assert.Equal(StoreReply.Done, await ExtendAsync());
        Assert.Equal(StoreReply.Done, await ExtendAsync());
    }

    [Fact]
    public async Task It_stands_in_for_nobody_when_another_was_granted_the_lock_before_it_came()
    {
        await TakeWithoutTheThirdAsync();
        await _quorum.Servers[0].CommandAsync("DEL", Key);
        await using (
            RedLockStore other = Quorum.StoreAt([.. _quorum.Servers.Select(static server => server.Port)], s_options, settings: s_patient))
        {
            string theirs = NewId();
            Assert.True((await AskAsync(other, Key, theirs)).IsGranted);
            Assert.Equal(StoreReply.Done, await other.TryReleaseAsync(Key, theirs, CancellationToken.None));
        }

        _quorum.Networks[2].Mend();
        await StandsAsync(2, NodeStanding.Late);
        // The node that would say so is silent.
        LeaseRound round = _store.Leases.Find(_id)!.BeginRound();
        Assert.Null(round.Conclude([null, StoreReply.Done, StoreReply.Done], []));
        // And then it says so.
        Assert.Equal(StoreReply.NotHeld, await ExtendAsync());
    }

    [Fact]
    public async Task A_vote_is_taken_back_where_nobody_may_be_told()
    {
        await using RedisServer server = await Testing.RedisServer.StartAsync();
        // A new user of Redis 7 has no channels.
        Assert.Equal("OK", await server.CommandAsync("ACL", "SETUSER", "default", "resetchannels"));
        await using RedLockStore store = Quorum.StoreAt([server.Port], s_options);
        Assert.True((await AskAsync(store, Key, _id)).IsGranted);
        await store.Nodes[0].WithdrawAsync(Key, _id, quietly: false, CancellationToken.None);
        Assert.Null(await server.CommandAsync("GET", Key));
        IEnumerable<string> refused = (
            (object?[])(await server.CommandAsync("ACL", "LOG"))!).Select(static entry => (string)((object?[])entry!)[3]!);
        Assert.Contains("channel", refused);
    }

    private static string NewId() => Guid.NewGuid().ToString();

    private static async Task<AcquireReply> AskAsync(RedLockStore store, string key, string id) =>
        await store.TryAcquireAsync(new AcquireRequest(key, id, "tester", s_ttl), CancellationToken.None);

    /// <summary>Takes a lock, and waits for the vote of every node.</summary>
    private async Task TakeOnAllAsync(RedLockStore store, string key, string id)
    {
        Assert.True((await AskAsync(store, key, id)).IsGranted);
        for (int node = 0; node < 3; node++)
            await HolderAsync(node, id, key);
    }

    /// <summary>Takes the lock with the votes of two nodes. The request for the third one's is on its way.</summary>
    private async Task TakeWithoutTheThirdAsync()
    {
        _quorum.Networks[2].Cut();
        Assert.True((await AskAsync(_store, Key, _id)).IsGranted);
        Assert.Null(await _quorum.Servers[2].CommandAsync("GET", Key));
    }

    private async Task<StoreReply> ExtendAsync() => await _store.TryExtendAsync(Key, _id, s_ttl, CancellationToken.None);

    private async Task HolderAsync(int node, string? id, string key = Key) =>
        await Eventually.TrueAsync(
            async () => (string?)await _quorum.Servers[node].CommandAsync("GET", key) == id, $"the holder at node {node}");

    private async Task StandsAsync(int node, NodeStanding standing) =>
        await Eventually.TrueAsync(() => _store.Leases.Find(_id)!.StandingOf(node) == standing, $"node {node} {standing}");

    private async Task<bool> AskFirstAsync()
    {
        long before = await ScriptsAsync(0);
        await Record.ExceptionAsync(async () => await AskAsync(_store, "other", NewId()));
        return await ScriptsAsync(0) > before;
    }

    private static Task<Vote> Yes() => Task.FromResult(new Vote(VoteKind.Granted, Token: 7));

    private static Task<Vote> Busy() => Task.FromResult(new Vote(VoteKind.Busy, Remaining: TimeSpan.FromMinutes(1), HolderId: "other"));

    private async Task<long> ScriptsAsync(int node) =>
        ((string)(await _quorum.Servers[node].CommandAsync("INFO", "commandstats"))!).Split("\r\n")
        .Where(static line => line.StartsWith("cmdstat_eval", StringComparison.Ordinal))
        .Sum(static line => long.Parse(line.Split("calls=")[1].Split(',')[0], System.Globalization.CultureInfo.InvariantCulture));
}
