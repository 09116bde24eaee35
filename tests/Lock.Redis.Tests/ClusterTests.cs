using System.Net.Sockets;
using Locking.Conformance;
using Locking.Testing;

namespace Locking;

/// <summary>A real Redis Cluster of three masters on this machine.</summary>
public sealed class ClusterFixture : IAsyncLifetime
{
    private const int Slots = 16384;

    public IReadOnlyList<RedisServer> Servers { get; private set; } = [];

    public async Task InitializeAsync()
    {
        Servers = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => RedisServer.StartAsync(
            "--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-port", $"{RedisServer.FreePort()}")));
        for (int i = 0; i < 3; i++)
        {
            (int from, int to) = (i * Slots / 3, ((i + 1) * Slots / 3) - 1);
            Assert.Equal("OK", await Servers[i].CommandAsync("CLUSTER", "ADDSLOTSRANGE", $"{from}", $"{to}"));
        }

        foreach (RedisServer? other in Servers.Skip(1))
        {
            string bus = ((string)(await other.CommandAsync("CLUSTER", "NODES"))!).Split('@')[1].Split([' ', ','])[0];
            Assert.Equal("OK", await Servers[0].CommandAsync("CLUSTER", "MEET", "127.0.0.1", $"{other.Port}", bus));
        }

        foreach (RedisServer server in Servers)
        {
            await Eventually.TrueAsync(async () =>
            {
                string info = (string)(await server.CommandAsync("CLUSTER", "INFO"))!;
                return info.Contains("cluster_state:ok", StringComparison.Ordinal)
                    && info.Contains("cluster_known_nodes:3", StringComparison.Ordinal);
            }, "the cluster");
        }
    }

    public async Task DisposeAsync()
    {
        foreach (RedisServer server in Servers)
            await server.DisposeAsync();
    }
}

/// <summary>Locks on a cluster; keys whose braces a cluster cannot serve are a documented refusal.</summary>
public sealed class ClusterTests(ClusterFixture cluster) : IClassFixture<ClusterFixture>
{
    [Fact]
    public async Task Locks_of_all_slots_can_be_taken_extended_listed_and_released()
    {
        await using ILockStore store = NewStore();
        string prefix = Guid.NewGuid().ToString("N");
        var keys = Enumerable.Range(0, 60).Select(i => $"{prefix}/{i}").Append($"{prefix}{{tag}}").Append($"{prefix}{{open").ToList();
        var tokens = new Dictionary<string, long>();
        foreach (string? key in keys)
        {
            AcquireReply reply = await AskAsync(store, key, key);
            Assert.True(reply.IsGranted);
            tokens[key] = reply.FencingToken!.Value;
            Assert.False((await AskAsync(store, key, "other")).IsGranted);
        }

        var listed = new List<string>();
        await foreach (LockInfo info in store.ListAsync(prefix, CancellationToken.None))
            listed.Add(info.Key);
        Assert.Equal(keys.Order(StringComparer.Ordinal), listed.Order(StringComparer.Ordinal));
        foreach (string? key in keys)
        {
            Assert.Equal(StoreReply.Done, await store.TryExtendAsync(key, key, TimeSpan.FromMinutes(1), CancellationToken.None));
            Assert.Equal(StoreReply.Done, await store.TryReleaseAsync(key, key, CancellationToken.None));
            Assert.True((await AskAsync(store, key, "next")).FencingToken > tokens[key]);
        }

        // All three masters had their part.
        foreach (RedisServer server in cluster.Servers)
            Assert.True((long)(await server.CommandAsync("DBSIZE"))! > 0);
    }

    [Theory]
    [InlineData("a}b")]
    [InlineData("{}x")]
    [InlineData("}{")]
    public async Task A_key_whose_braces_forbid_a_shared_slot_is_refused_with_the_reason(string key)
    {
        await using ILockStore store = NewStore(LockFormats.RedLockNet);
        LockStoreException fault = await Assert.ThrowsAsync<LockStoreException>(() => AskAsync(store, key, "id"));
        Assert.False(fault.IsTransient);
        Assert.False(fault.MayHaveBeenApplied);
        Assert.Contains("hash slot", fault.Message, StringComparison.Ordinal);
        Assert.Contains(key, fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a}b")]
    [InlineData("{}x")]
    [InlineData("}{")]
    [InlineData("a{b")]
    [InlineData("{}{a}")]
    public async Task The_native_format_takes_keys_with_any_braces(string key)
    {
        await using ILockStore store = NewStore();
        Assert.True((await AskAsync(store, key, "id")).IsGranted);
        await using IReleaseWatch watch = await ((IReleaseSignal)store).WatchAsync(key, CancellationToken.None);
        Assert.False((await AskAsync(store, key, "next")).IsGranted);
        Assert.Equal(StoreReply.Done, await store.TryReleaseAsync(key, "id", CancellationToken.None));
        await store.TryReleaseAsync(key, "next", CancellationToken.None);
    }

    [Fact]
    public async Task Waiters_hear_of_releases_on_any_node()
    {
        await using ILockStore holding = NewStore();
        await using ILockStore waiting = NewStore();
        for (int i = 0; i < 12; i++)
        {
            string key = $"{Guid.NewGuid():N}";
            await AskAsync(holding, key, "id");
            await using IReleaseWatch watch = await ((IReleaseSignal)waiting).WatchAsync(key, CancellationToken.None);
            Assert.False((await AskAsync(waiting, key, "waiter")).IsGranted);
            await holding.TryReleaseAsync(key, "id", CancellationToken.None);
            Assert.True(await watch.WaitAsync(Eventually.Patience, CancellationToken.None));
        }
    }

    [Fact]
    public async Task Holders_hear_of_force_on_any_node()
    {
        await using var holding = new StoreLock(NewStore());
        await using var forcing = new StoreLock(NewStore());
        for (int i = 0; i < 12; i++)
        {
            await using ILockHandle held =
                await holding.LockAsync($"{Guid.NewGuid():N}", new LockOptions { Ttl = TimeSpan.FromMinutes(10) });
            Assert.True(await forcing.ForceUnlockAsync(held.Key));
            await Eventually.TrueAsync(() => held.LostToken.IsCancellationRequested, "the loss");
            Assert.Equal(LostReason.Forced, held.LostReason);
        }
    }

    [Fact]
    public async Task A_diagnosis_looks_at_every_node_and_says_what_a_cluster_is()
    {
        await using ILockStore store = NewStore();
        IReadOnlyList<StoreFinding> findings = await ((IStoreDiagnostics)store).DiagnoseAsync();
        StoreFinding facts = DiagnosisTests.Find(findings, "cluster");
        Assert.False(facts.IsWarning);
        Assert.Contains("3 masters, 0 replicas", facts.Text, StringComparison.Ordinal);
        StoreFinding alone = DiagnosisTests.Find(findings, "no-replicas");
        foreach (RedisServer server in cluster.Servers)
        {
            Assert.Contains($"{server.Port}", alone.Text, StringComparison.Ordinal);
            Assert.Single(findings, one => one.Code == "no-persistence" && one.Text.Contains($"{server.Port}", StringComparison.Ordinal));
            Assert.Single(findings, one => one.Code == "server"
                && one.Text.Contains($"{server.Port}: master of a cluster", StringComparison.Ordinal));
        }

        Assert.DoesNotContain(findings, static one => one.Code == "several-masters");
    }

    [Fact]
    public async Task A_slot_that_moves_takes_its_lock_along()
    {
        await using ILockStore store = NewStore();
        string key = $"moving{Guid.NewGuid():N}";
        long slot = (long)(await cluster.Servers[0].CommandAsync("CLUSTER", "KEYSLOT", key))!;
        RedisServer from = cluster.Servers[(int)(slot * 3 / 16384)];
        RedisServer to = cluster.Servers[((int)(slot * 3 / 16384) + 1) % 3];
        Assert.True((await AskAsync(store, key, "id")).IsGranted);
        (string fromId, string toId) =
            ((string)(await from.CommandAsync("CLUSTER", "MYID"))!, (string)(await to.CommandAsync("CLUSTER", "MYID"))!);
        Assert.Equal("OK", await to.CommandAsync("CLUSTER", "SETSLOT", $"{slot}", "IMPORTING", fromId));
        Assert.Equal("OK", await from.CommandAsync("CLUSTER", "SETSLOT", $"{slot}", "MIGRATING", toId));
        // The names have bytes that are no text: the server itself moves them.
        long keys = (long)(await from.CommandAsync("CLUSTER", "COUNTKEYSINSLOT", $"{slot}"))!;
        Assert.Equal(2, keys);
        await MoveKeysAsync(from, to, slot);
        foreach (RedisServer server in cluster.Servers)
            await server.CommandAsync("CLUSTER", "SETSLOT", $"{slot}", "NODE", toId);
        await Eventually.TrueAsync(async () =>
        {
            try
            {
                return !(await AskAsync(store, key, "other")).IsGranted;
            }
            catch (LockStoreException fault)
            {
                Assert.True(fault.IsTransient, fault.ToString());
                return false;
            }
        }, "the lock at its new place");
        Assert.Equal(StoreReply.Done, await store.TryReleaseAsync(key, "id", CancellationToken.None));
    }

    [Fact]
    public async Task A_lock_that_is_free_while_its_slot_moves_is_granted_when_it_has_moved_with_a_higher_token()
    {
        await using ILockStore store = NewStore();
        await using var locks = new StoreLock(NewStore());
        string key = $"moving{Guid.NewGuid():N}";
        await (await locks.LockAsync(key)).UnlockAsync();
        long token = (await AskAsync(store, key, "id")).FencingToken!.Value;
        Assert.Equal(StoreReply.Done, await store.TryReleaseAsync(key, "id", CancellationToken.None));
        long slot = (long)(await cluster.Servers[0].CommandAsync("CLUSTER", "KEYSLOT", key))!;
        RedisServer from = cluster.Servers[(int)(slot * 3 / 16384)];
        RedisServer to = cluster.Servers[((int)(slot * 3 / 16384) + 1) % 3];
        (string fromId, string toId) =
            ((string)(await from.CommandAsync("CLUSTER", "MYID"))!, (string)(await to.CommandAsync("CLUSTER", "MYID"))!);
        Assert.Equal("OK", await to.CommandAsync("CLUSTER", "SETSLOT", $"{slot}", "IMPORTING", fromId));
        Assert.Equal("OK", await from.CommandAsync("CLUSTER", "SETSLOT", $"{slot}", "MIGRATING", toId));
        // The counter is here, and the record of a lock that nobody holds is nowhere.
        LockStoreException fault = await Assert.ThrowsAsync<LockStoreException>(() => AskAsync(store, key, "id"));
        Assert.True(fault is { IsTransient: true, MayHaveBeenApplied: false }, fault.ToString());
        Assert.Contains("slot", fault.Message, StringComparison.Ordinal);
        Task<ILockHandle> waiting = locks.LockAsync(key).AsTask();
        await MoveKeysAsync(from, to, slot, (int)(long)(await from.CommandAsync("CLUSTER", "COUNTKEYSINSLOT", $"{slot}"))!);
        foreach (RedisServer server in cluster.Servers)
            await server.CommandAsync("CLUSTER", "SETSLOT", $"{slot}", "NODE", toId);
        await using ILockHandle held = await Eventually.DoneAsync(waiting, "the lock at its new place");
        Assert.True(held.FencingToken > token);
    }

    private static async Task MoveKeysAsync(RedisServer from, RedisServer to, long slot, int count = 2)
    {
        // Raw bytes all the way: the companion's name is no text.
        using var client = new System.Net.Sockets.TcpClient("127.0.0.1", from.Port);
        NetworkStream stream = client.GetStream();
        for (int left = count; left > 0; left--)
        {
            await stream.WriteAsync(System.Text.Encoding.ASCII.GetBytes($"CLUSTER GETKEYSINSLOT {slot} 1\r\n"));
            string head = await LineAsync(stream);
            Assert.Equal("*1", head);
            int length = int.Parse((await LineAsync(stream))[1..], System.Globalization.CultureInfo.InvariantCulture);
            byte[] name = new byte[length];
            await stream.ReadExactlyAsync(name);
            await LineAsync(stream);
            byte[] command =
            [
                .. System.Text.Encoding.ASCII.GetBytes(
                    $"*6\r\n$7\r\nMIGRATE\r\n$9\r\n127.0.0.1\r\n${$"{to.Port}".Length}\r\n{to.Port}\r\n${length}\r\n"),
                .. name, .. "\r\n$1\r\n0\r\n$4\r\n5000\r\n"u8,
            ];
            await stream.WriteAsync(command);
            Assert.Equal("+OK", await LineAsync(stream));
        }
    }

    private static async Task<string> LineAsync(Stream stream)
    {
        var line = new System.Text.StringBuilder();
        byte[] one = new byte[1];
        while (true)
        {
            await stream.ReadExactlyAsync(one);
            if (one[0] == '\n')
                return line.ToString(0, line.Length - 1);
            line.Append((char)one[0]);
        }
    }

    private ILockStore NewStore(string? format = null) => new RedisLockProvider().CreateStore(
        new RedisLockSettings { Url = string.Join(',', cluster.Servers.Select(server => server.EndPoint)), Format = format }, null,
        LockProviderContext.Default);

    private static async Task<AcquireReply> AskAsync(ILockStore store, string key, string id) =>
        await store.TryAcquireAsync(new AcquireRequest(key, id, "tester", TimeSpan.FromMinutes(1)), CancellationToken.None);
}
