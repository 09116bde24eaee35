using System.Text.RegularExpressions;
using Locking.Conformance;
using Locking.Testing;

namespace Locking;

/// <summary>What is unsafe about real servers is found, and said in plain words.</summary>
public sealed partial class DiagnosisTests
{
    private const string Secret = "s3cret-pa55word";

    [Fact]
    public async Task A_server_that_keeps_everything_has_nothing_unsafe()
    {
        await using RedisServer server = await RedisServer.StartAsync("--appendonly", "yes", "--appendfsync", "always");
        IReadOnlyList<StoreFinding> findings = await DiagnoseAsync(server);
        StoreFinding only = Assert.Single(findings);
        Assert.Equal(("server", false), (only.Code, only.IsWarning));
        Assert.Contains($"127.0.0.1:{server.Port}", only.Text, StringComparison.Ordinal);
        Assert.Contains("appendonly (fsync always)", only.Text, StringComparison.Ordinal);
        Assert.Contains("master", only.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("allkeys-lru", true, "any key")]
    [InlineData("allkeys-lfu", true, "any key")]
    [InlineData("allkeys-random", true, "any key")]
    [InlineData("volatile-lru", true, "with an expiry")]
    [InlineData("volatile-lfu", true, "with an expiry")]
    [InlineData("volatile-random", true, "with an expiry")]
    [InlineData("volatile-ttl", true, "with an expiry")]
    [InlineData("noeviction", false, "")]
    public async Task Every_policy_that_evicts_drops_locks(string policy, bool drops, string says)
    {
        await using RedisServer server = await RedisServer.StartAsync("--maxmemory-policy", policy, "--maxmemory", "64mb");
        StoreFinding? finding = (await DiagnoseAsync(server)).SingleOrDefault(static one => one.Code == "evicts-locks");
        Assert.Equal(drops, finding is { IsWarning: true });
        if (!drops)
            return;
        Assert.Contains(policy, finding!.Text, StringComparison.Ordinal);
        Assert.Contains(says, finding.Text, StringComparison.Ordinal);
        Assert.Contains("noeviction", finding.Text, StringComparison.Ordinal);

        // It is no theory: a full server has dropped the lock, and the holder hears of it.
        await using ILockStore store = RedisFixture.StoreAt(server.Port);
        bool lost = await HeldWhileFullAsync(server, store);
        Assert.True(lost, $"{policy} dropped no lock of 2,000");
    }

    [Fact]
    public async Task Without_maxmemory_a_policy_is_a_note_and_a_server_that_is_nearly_full_is_one_too()
    {
        await using RedisServer server = await RedisServer.StartAsync("--maxmemory-policy", "volatile-lru");
        Assert.False(Find(await DiagnoseAsync(server), "eviction-policy").IsWarning);
        await server.CommandAsync("CONFIG", "SET", "maxmemory-policy", "noeviction");
        string used = Regex.Match((string)(await server.CommandAsync("INFO", "memory"))!, "used_memory:(\\d+)").Groups[1].Value;
        await server.CommandAsync("CONFIG", "SET", "maxmemory", used);
        Assert.False(Find(await DiagnoseAsync(server), "memory-nearly-full").IsWarning);
    }

    [Theory]
    [InlineData("no-persistence", true, "saves nothing", "--appendonly", "no")]
    [InlineData("snapshots-only", true, "snapshots only", "--save", "60 1")]
    [InlineData("saves-late", false, "everysec", "--appendonly", "yes", "--appendfsync", "everysec")]
    [InlineData("saves-late", true, "appendfsync no", "--appendonly", "yes", "--appendfsync", "no")]
    public async Task What_a_restart_forgets_is_said(string code, bool unsafely, string says, params string[] arguments)
    {
        await using RedisServer server = await RedisServer.StartAsync(arguments);
        StoreFinding finding = Find(await DiagnoseAsync(server), code);
        Assert.Equal(unsafely, finding.IsWarning);
        Assert.Contains(says, finding.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_cannot_save_is_unsafe()
    {
        await using RedisServer server = await RedisServer.StartAsync("--dbfilename", "dump.rdb");
        // A directory in the place of the file that a snapshot is renamed to.
        await server.CommandAsync("CONFIG", "SET", "stop-writes-on-bgsave-error", "no");
        Directory.CreateDirectory(Path.Combine((string)((object?[])(await server.CommandAsync("CONFIG", "GET", "dir"))!)[1]!, "dump.rdb"));
        await server.CommandAsync("BGSAVE");
        await Eventually.TrueAsync(
            async () => ((string)(await server.CommandAsync("INFO", "persistence"))!)
                .Contains("rdb_last_bgsave_status:err", StringComparison.Ordinal), "the failure");
        Assert.True(Find(await DiagnoseAsync(server), "saving-fails").IsWarning);
    }

    [Theory]
    [InlineData(0, "replicas-not-awaited", true)]
    [InlineData(1, null, false)]
    [InlineData(2, "replicas-missing", true)]
    public async Task Replicas_and_what_a_grant_waits_for_are_compared(int wanted, string? code, bool unsafely)
    {
        await using RedisServer master = await RedisServer.StartAsync("--repl-diskless-sync-delay", "0");
        await using RedisServer replica = await RedisServer.StartAsync("--replicaof", "127.0.0.1", $"{master.Port}");
        await ReplicatedFixture.UntilReplicatedAsync(master);
        IReadOnlyList<StoreFinding> findings = await DiagnoseAsync(master, new RedisLockSettings { Replicas = wanted });
        StoreFinding? about = findings.SingleOrDefault(static one => one.Code.StartsWith("replicas-", StringComparison.Ordinal));
        Assert.Equal((code, unsafely), (about?.Code, about?.IsWarning ?? false));

        // Both named, as a replicated pair is: the replica is a server like the other, and no second master.
        await using RedisLockStore both = At(new RedisLockSettings { Url = $"{master.EndPoint},{replica.EndPoint}", Replicas = wanted });
        IReadOnlyList<StoreFinding> named = await both.DiagnoseAsync();
        Assert.Equal(2, named.Count(static one => one.Code == "server"));
        Assert.Contains(named, static one => one.Text.Contains("replica,", StringComparison.Ordinal));
        Assert.DoesNotContain(named, static one => one.Code == "several-masters");
    }

    [Fact]
    public async Task A_grant_that_waits_for_some_of_the_replicas_is_noted()
    {
        await using RedisServer master = await RedisServer.StartAsync("--repl-diskless-sync-delay", "0");
        await using RedisServer first = await RedisServer.StartAsync("--replicaof", "127.0.0.1", $"{master.Port}");
        await using RedisServer second = await RedisServer.StartAsync("--replicaof", "127.0.0.1", $"{master.Port}");
        await Eventually.TrueAsync(async () => await master.CommandAsync("WAIT", "2", "1000") is 2L, "both replicas");
        Assert.False(Find(await DiagnoseAsync(master, new RedisLockSettings { Replicas = 1 }), "replicas-partly-awaited").IsWarning);
    }

    [Fact]
    public async Task Masters_that_know_nothing_of_each_other_are_unsafe_together_and_a_dead_one_is_named()
    {
        await using RedisServer one = await RedisServer.StartAsync();
        await using RedisServer other = await RedisServer.StartAsync();
        await using RedisLockStore store = At(new RedisLockSettings { Url = $"{one.EndPoint},{other.EndPoint}" });
        StoreFinding finding = Find(await store.DiagnoseAsync(), "several-masters");
        Assert.True(finding.IsWarning);
        Assert.Contains($"{other.Port}", finding.Text, StringComparison.Ordinal);
        other.Kill();
        StoreFinding down = Find(await store.DiagnoseAsync(), "server-down");
        Assert.True(down.IsWarning);
        Assert.Contains($"{other.Port}", down.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("+config")]
    [InlineData("-config")]
    [InlineData("-config -info")]
    public async Task What_a_server_does_not_tell_is_no_failure(string rights)
    {
        await using RedisServer server =
            await RedisServer.StartAsync("--maxmemory-policy", "allkeys-lru", "--maxmemory", "64mb", "--save", "60 1");
        Assert.Equal("OK", await server.CommandAsync(["ACL", "SETUSER", "default", .. rights.Split(' ')]));
        IReadOnlyList<StoreFinding> findings = await DiagnoseAsync(server);
        if (rights.Contains("-info", StringComparison.Ordinal))
        {
            Assert.False(Find(findings, "server-facts-hidden").IsWarning);
            Assert.DoesNotContain(findings, static one => one.IsWarning);
            return;
        }

        // INFO alone says what matters most.
        Assert.True(Find(findings, "evicts-locks").IsWarning);
        StoreFinding persistence = Find(findings, "snapshots-only");
        Assert.Contains(rights == "+config" ? "snapshots only" : "snapshots at most", persistence.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_old_server_and_a_clock_that_is_off_are_found()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await using var proxy = new RedisProxy(server.Port)
        {
            // What TIME answers, two minutes ahead; and another version of the same length.
            Rewrite = static answer => Time().Replace(
                Version().Replace(answer, "redis_version:4."),
                static match => $"*2\r\n$10\r\n{long.Parse(match.Groups[1].Value) + 120}\r\n$"),
        };
        await using RedisLockStore store = At(new RedisLockSettings { Port = proxy.Port });
        IReadOnlyList<StoreFinding> findings = await store.DiagnoseAsync();
        StoreFinding clock = Find(findings, "clock-differs");
        Assert.True(clock.IsWarning);
        Assert.Contains("120 s ahead", clock.Text, StringComparison.Ordinal);
        Assert.True(Find(findings, "server-too-old").IsWarning);
    }

    [Theory]
    [InlineData("redis://redis.example", "unencrypted-network, open-network")]
    [InlineData("redis://:" + Secret + "@redis.example", "unencrypted-network")]
    [InlineData("rediss://:" + Secret + "@redis.example", "")]
    [InlineData("rediss://10.0.0.7", "open-network")]
    [InlineData("redis://localhost", "")]
    [InlineData("redis://127.0.0.1", "")]
    public void A_network_that_others_can_read_or_reach_is_unsafe(string url, string codes)
    {
        var findings = new List<StoreFinding>();
        RedisDiagnosis.AddNetwork(findings, RedisConnector.From(new RedisLockSettings { Url = url }));
        Assert.Equal(codes, string.Join(", ", findings.Select(static one => one.Code)));
        Assert.All(findings, static one => Assert.True(one.IsWarning));
        Assert.DoesNotContain(Secret, string.Join('\n', findings), StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_asks_over_a_connection_of_its_own_changes_nothing_and_needs_a_server()
    {
        await using RedisServer server = await RedisServer.StartAsync("--requirepass", Secret);
        await using RedisLockStore store = At(new RedisLockSettings { Port = server.Port, Password = Secret });
        IReadOnlyList<StoreFinding> findings = await store.DiagnoseAsync();
        Assert.DoesNotContain(Secret, string.Join('\n', findings), StringComparison.Ordinal);
        await using (RawRedis raw = await server.RawAsync(Secret))
        {
            Assert.Equal(0L, await raw.CommandAsync("DBSIZE"));
            await Eventually.TrueAsync(
                async () => ((string)(await raw.CommandAsync("CLIENT", "LIST"))!).Split('\n', StringSplitOptions.RemoveEmptyEntries)
                    .Length == 1, "nobody else connected");
        }

        server.Kill();
        await Assert.ThrowsAsync<LockStoreException>(async () => await store.DiagnoseAsync());
    }

    [Fact]
    public async Task A_lent_connection_is_asked_too()
    {
        await using RedisServer server = await RedisServer.StartAsync("--requirepass", Secret);
        using StackExchange.Redis.ConnectionMultiplexer lent =
            await StackExchange.Redis.ConnectionMultiplexer.ConnectAsync($"{server.EndPoint},password={Secret}");
        await using var locks = new StoreLock(new RedisLockStore(lent));
        // A client that is no administrator's may not ask for the settings: what INFO says has to do.
        Assert.Contains("snapshots at most", Find(await locks.DiagnoseAsync(), "snapshots-only").Text, StringComparison.Ordinal);
        Assert.True(lent.IsConnected);
        using StackExchange.Redis.ConnectionMultiplexer admin =
            await StackExchange.Redis.ConnectionMultiplexer.ConnectAsync($"{server.EndPoint},password={Secret},allowAdmin=true");
        await using var told = new StoreLock(new RedisLockStore(admin));
        Assert.True(Find(await told.DiagnoseAsync(), "no-persistence").IsWarning);
    }

    internal static StoreFinding Find(IReadOnlyList<StoreFinding> findings, string code) =>
        Assert.Single(findings, one => one.Code == code);

    private static async Task<IReadOnlyList<StoreFinding>> DiagnoseAsync(RedisServer server, RedisLockSettings? settings = null)
    {
        await using RedisLockStore store = At((settings ?? new RedisLockSettings()) with { Port = server.Port });
        return await store.DiagnoseAsync();
    }

    private static RedisLockStore At(RedisLockSettings settings) => (RedisLockStore)new RedisLockProvider().CreateStore(settings);

    /// <summary>Takes many locks, fills the server's memory, and tells whether a lock has gone.</summary>
    private static async Task<bool> HeldWhileFullAsync(RedisServer server, ILockStore store)
    {
        const int Count = 2_000;
        await Parallel.ForEachAsync(Enumerable.Range(0, Count), async (i, _) =>
            Assert.True((await store.TryAcquireAsync(new AcquireRequest($"k{i}", $"{i}", "tester", TimeSpan.FromMinutes(1)),
                CancellationToken.None)).IsGranted));
        await server.CommandAsync("CONFIG", "SET", "maxmemory", "1");
        await using RawRedis raw = await server.RawAsync();
        for (int i = 0; i < 50; i++)
            await raw.CommandAsync("SET", $"filler{i}", "x", "EX", "1000");
        for (int i = 0; i < Count; i++)
        {
            if (await raw.CommandAsync("EXISTS", $"k{i}") is 0L)
                return true;
        }

        return false;
    }

    [GeneratedRegex("\\*2\r\n\\$10\r\n(\\d{10})\r\n\\$")]
    private static partial Regex Time();

    [GeneratedRegex("redis_version:[0-9]\\.")]
    private static partial Regex Version();
}
