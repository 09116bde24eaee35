using System.Text.RegularExpressions;
using Locking.Conformance;
using Locking.Testing;

namespace Locking;

/// <summary>What is unsafe about the real servers of a quorum is found, and said in plain words.</summary>
public sealed partial class DiagnosisTests
{
    [Fact]
    public async Task A_quorum_that_keeps_everything_has_nothing_unsafe()
    {
        await using Quorum quorum = await Quorum.StartAsync(3, "--appendonly", "yes");
        await using RedLockStore store = quorum.NewStore();
        await UseAsync(store);
        IReadOnlyList<StoreFinding> findings = await store.DiagnoseAsync();
        Assert.Equal(["server", "server", "server"], findings.Select(static one => one.Code));
        Assert.All(findings, static one => Assert.False(one.IsWarning));
    }

    [Theory]
    [InlineData(1, "one-node")]
    [InlineData(2, "even-nodes")]
    [InlineData(4, "even-nodes")]
    public async Task A_number_of_nodes_that_is_no_use_is_noted(int nodes, string code)
    {
        await using Quorum quorum = await Quorum.StartAsync(nodes, "--appendonly", "yes");
        await using RedLockStore store = quorum.NewStore();
        Assert.False(Find(await store.DiagnoseAsync(), code).IsWarning);
    }

    [Fact]
    public async Task A_majority_that_saves_nothing_is_unsafe_and_a_minority_is_not()
    {
        await using Quorum forgetful = await Quorum.StartAsync(1);
        await using Quorum careful = await Quorum.StartAsync(2, "--appendonly", "yes");
        await using RedLockStore store = Quorum.StoreAt([careful.Servers[0].Port, forgetful.Servers[0].Port, careful.Servers[1].Port]);
        Assert.DoesNotContain(await store.DiagnoseAsync(), static one => one.IsWarning);
        await careful.Servers[1].CommandAsync("CONFIG", "SET", "appendonly", "no");
        StoreFinding finding = Find(await store.DiagnoseAsync(), "no-persistence");
        Assert.True(finding.IsWarning);
        Assert.Contains($"{careful.Servers[1].Port}", finding.Text, StringComparison.Ordinal);
        Assert.DoesNotContain($"{careful.Servers[0].Port}", finding.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nodes_that_are_down_or_evict_are_named_with_what_is_left()
    {
        await using Quorum quorum = await Quorum.StartAsync(3, "--appendonly", "yes");
        await using RedLockStore store = quorum.NewStore(commandTimeout: TimeSpan.FromSeconds(5));
        await UseAsync(store);
        quorum.Servers[1].Kill();
        await quorum.Servers[2].CommandAsync("CONFIG", "SET", "maxmemory", "100mb");
        await quorum.Servers[2].CommandAsync("CONFIG", "SET", "maxmemory-policy", "volatile-ttl");
        IReadOnlyList<StoreFinding> findings = await store.DiagnoseAsync();
        StoreFinding down = Find(findings, "node-down");
        Assert.True(down.IsWarning);
        Assert.Contains($"127.0.0.1:{quorum.Servers[1].Port}", down.Text, StringComparison.Ordinal);
        Assert.Contains("2 of 3 nodes vote, 2 are needed. Not one more may fail.", down.Text, StringComparison.Ordinal);
        Assert.Contains($"127.0.0.1:{quorum.Servers[2].Port}", Find(findings, "evicts-locks").Text, StringComparison.Ordinal);

        // A frozen one as well: there is still an answer, and it says that nothing is granted.
        quorum.Servers[0].Freeze();
        findings = await Eventually.DoneAsync(store.DiagnoseAsync().AsTask(), "the findings");
        Assert.Equal(2, findings.Count(static one => one.Code == "node-down"));
        Assert.All(
            findings.Where(static one => one.Code == "node-down"),
            static one => Assert.Contains("Nothing is granted", one.Text, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_node_that_restarted_empty_abstains_and_for_how_long_is_said()
    {
        var options = new LockOptions { Ttl = TimeSpan.FromSeconds(40) };
        await using Quorum quorum = await Quorum.StartAsync();
        await using RedLockStore store = quorum.NewStore(options);
        await UseAsync(store);
        Assert.DoesNotContain(await store.DiagnoseAsync(), static one => one.Code == "node-abstains");
        await quorum.Servers[1].CommandAsync("FLUSHALL");
        await UseAsync(store);
        StoreFinding? finding = null;
        await Eventually.TrueAsync(
            async () =>
                (
                    finding = (await store.DiagnoseAsync()).SingleOrDefault(
                        static one => one.Code == "node-abstains")) is not null, "the abstention");
        Assert.True(finding!.IsWarning);
        Assert.Contains($"127.0.0.1:{quorum.Servers[1].Port}", finding.Text, StringComparison.Ordinal);
        double seconds = double.Parse(
            Regex.Match(finding.Text, "another ([0-9.]+) s").Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture);
        Assert.InRange(seconds, 0.1, 42);
    }

    [Fact]
    public async Task A_node_whose_rest_nobody_has_found_out_yet_is_said_not_to_vote()
    {
        await using Quorum quorum = await Quorum.StartAsync(3, "--appendonly", "yes");
        await using RedLockStore store = quorum.NewStore(commandTimeout: TimeSpan.FromSeconds(5));
        // A new quorum: all of them vote when they are asked.
        Assert.DoesNotContain(await store.DiagnoseAsync(), static one => one.Code == "node-abstains");
        await UseAsync(store);
        await quorum.Servers[1].CommandAsync("FLUSHALL");
        quorum.Servers[0].Kill();
        IReadOnlyList<StoreFinding> findings = await store.DiagnoseAsync();
        StoreFinding finding = Find(findings, "node-abstains");
        Assert.Contains($"127.0.0.1:{quorum.Servers[1].Port}", finding.Text, StringComparison.Ordinal);
        Assert.Contains("1 of 3 nodes vote, 2 are needed. Nothing is granted", finding.Text, StringComparison.Ordinal);
        Assert.Contains("1 of 3 nodes vote, 2 are needed. Nothing is granted", Find(findings, "node-down").Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_server_under_two_names_is_found_and_never_votes_twice()
    {
        await using Quorum quorum = await Quorum.StartAsync(2);
        await using var proxy = new RedisProxy(quorum.Servers[0].Port);
        // A node that is admitted alone waits for the longest lease first: here a short one.
        await using RedLockStore store = Quorum.StoreAt(
            [quorum.Servers[0].Port, proxy.Port, quorum.Servers[1].Port], new LockOptions { Ttl = TimeSpan.FromSeconds(1) });
        StoreFinding finding = Find(await store.DiagnoseAsync(), "same-server-twice");
        Assert.True(finding.IsWarning);
        Assert.Contains($"{proxy.Port}", finding.Text, StringComparison.Ordinal);

        // With the other server down there is one vote left, however many names it has.
        quorum.Servers[1].Kill();
        LockStoreException fault = await Assert.ThrowsAsync<LockStoreException>(() => UseAsync(store));
        Assert.Contains("one and the same server", fault.Message, StringComparison.Ordinal);
        Assert.False(fault.IsTransient);
        Assert.Null(await quorum.Servers[0].CommandAsync("GET", "k"));

        // With it there are two.
        await quorum.Servers[1].StartAgainAsync();
        await Eventually.TrueAsync(async () => await Record.ExceptionAsync(() => UseAsync(store)) is null, "a lock on the two servers");
    }

    [Fact]
    public async Task Clocks_and_versions_that_differ_are_found()
    {
        await using Quorum quorum = await Quorum.StartAsync();
        await using var proxy = new RedisProxy(quorum.Servers[2].Port)
        {
            Rewrite = static answer => Time().Replace(
                Version().Replace(answer, "_version:6."), static match => $"*2\r\n$10\r\n{long.Parse(match.Groups[1].Value) + 90}\r\n$"),
        };
        await using RedLockStore store = Quorum.StoreAt([quorum.Servers[0].Port, quorum.Servers[1].Port, proxy.Port]);
        IReadOnlyList<StoreFinding> findings = await store.DiagnoseAsync();
        StoreFinding clocks = Find(findings, "clocks-differ");
        Assert.True(clocks.IsWarning);
        Assert.Matches("clock of Redis at 127.0.0.1:" + proxy.Port + " is (89|90|91)\\.[0-9] s ahead", clocks.Text);
        Assert.False(Find(findings, "versions-differ").IsWarning);
    }

    [Fact]
    public async Task A_node_that_is_slower_than_its_vote_is_waited_for_is_unsafe()
    {
        await using Quorum quorum = await Quorum.StartAsync();
        await using var proxy = new RedisProxy(quorum.Servers[0].Port) { Delay = TimeSpan.FromMilliseconds(60) };
        await using RedLockStore store = Quorum.StoreAt(
            [proxy.Port, quorum.Servers[1].Port, quorum.Servers[2].Port],
            settings: new RedLockSettings { NodeTimeout = TimeSpan.FromMilliseconds(100) });
        StoreFinding finding = Find(await store.DiagnoseAsync(), "slow-node");
        Assert.True(finding.IsWarning);
        Assert.Contains("100 ms (lockOptions.nodeTimeout)", finding.Text, StringComparison.Ordinal);
        Assert.Contains($"{proxy.Port}", finding.Text, StringComparison.Ordinal);
    }

    private static StoreFinding Find(IReadOnlyList<StoreFinding> findings, string code) => Assert.Single(findings, one => one.Code == code);

    /// <summary>Takes and releases a lock: every node is connected, and noted to vote.</summary>
    private static async Task UseAsync(ILockStore store)
    {
        string id = Guid.NewGuid().ToString();
        Assert.True(
            (
                await store.TryAcquireAsync(
                    new AcquireRequest("k", id, "tester", TimeSpan.FromSeconds(1)), CancellationToken.None)).IsGranted);
        Assert.Equal(StoreReply.Done, await store.TryReleaseAsync("k", id, CancellationToken.None));
    }

    [GeneratedRegex("\\*2\r\n\\$10\r\n(\\d{10})\r\n\\$")]
    private static partial Regex Time();

    [GeneratedRegex("_version:[0-9]\\.")]
    private static partial Regex Version();
}
