using Locking.Conformance;
using Locking.Testing;

namespace Locking;

/// <summary>Grants that wait for replicas, and a replica that becomes the master in mid-hold.</summary>
public sealed class ReplicaTests : IAsyncLifetime
{
    private static readonly RedisLockSettings s_one = new() { Replicas = 1, ReplicaTimeout = TimeSpan.FromSeconds(10) };
    private static readonly RedisLockSettings s_impatient = new() { Replicas = 1, ReplicaTimeout = TimeSpan.FromMilliseconds(300) };

    private RedisServer _master = null!;
    private RedisServer _replica = null!;

    public async Task InitializeAsync()
    {
        _master = await RedisServer.StartAsync("--repl-diskless-sync-delay", "0");
        _replica = await RedisServer.StartAsync("--replicaof", "127.0.0.1", $"{_master.Port}", "--repl-diskless-sync-delay", "0");
        await ReplicatedFixture.UntilReplicatedAsync(_master);
    }

    public async Task DisposeAsync()
    {
        await _replica.DisposeAsync();
        await _master.DisposeAsync();
    }

    [Fact]
    public async Task A_grant_that_counts_is_on_the_replica()
    {
        await using ILockStore store = RedisFixture.StoreAt(_master.Port, s_one);
        for (int i = 0; i < 50; i++)
        {
            string id = NewId();
            Assert.True((await AskAsync(store, $"k{i}", id)).IsGranted);
            Assert.Equal(id, await RedisTests.HolderAsync(_replica, $"k{i}"));
        }

        Assert.Equal(StoreReply.Done, await store.TryExtendAsync("k0", (await RedisTests.HolderAsync(_replica, "k0"))!,
            TimeSpan.FromHours(1), CancellationToken.None));
        Assert.InRange((long)(await _replica.CommandAsync("PTTL", "k0"))!, 3_000_000, 3_600_000);
    }

    [Fact]
    public async Task A_grant_that_the_replica_does_not_confirm_is_undone_and_said()
    {
        await using ILockStore patient = RedisFixture.StoreAt(_master.Port, s_one);
        Assert.True((await AskAsync(patient, "before", NewId())).IsGranted);
        await using ILockStore store = RedisFixture.StoreAt(_master.Port, s_impatient);
        _replica.Freeze();
        Assert.NotNull(await Record.ExceptionAsync(() => AskAsync(store, "connects", NewId())));
        long began = TimeProvider.System.GetTimestamp();
        // Many at once wait for the replica together: one after the other they would take two minutes.
        Exception[] faults = await Eventually.DoneAsync(
            Task.WhenAll(Enumerable.Range(0, 400)
                .Select(i => Record.ExceptionAsync(() => AskAsync(store, $"k{i}", NewId())))), "the faults");
        Assert.InRange(TimeProvider.System.GetElapsedTime(began), TimeSpan.FromMilliseconds(250), Eventually.Patience);
        foreach (Exception? fault in faults)
        {
            LockStoreException store1 = Assert.IsType<LockStoreException>(fault);
            Assert.True(store1 is { IsTransient: true, MayHaveBeenApplied: false }, store1.ToString());
            Assert.Contains("0 of 1 replicas", store1.Message, StringComparison.Ordinal);
        }

        for (int i = 0; i < 20; i++)
            Assert.Equal(0L, await _master.CommandAsync("EXISTS", $"k{i}"));
        // Requests without the demand are not held up.
        await using ILockStore plain = RedisFixture.StoreAt(_master.Port);
        Assert.True((await AskAsync(plain, "plain", NewId())).IsGranted);
        _replica.Thaw();
        await Eventually.TrueAsync(async () =>
            await Record.ExceptionAsync(() => AskAsync(store, "after", NewId())) is null, "a replica again");
    }

    [Fact]
    public async Task A_busy_answer_needs_no_replica()
    {
        await using ILockStore store = RedisFixture.StoreAt(_master.Port, s_one);
        Assert.True((await AskAsync(store, "k", NewId())).IsGranted);
        _replica.Freeze();
        Assert.False((await AskAsync(store, "k", NewId())).IsGranted);
    }

    [Fact]
    public async Task A_lease_with_replicas_survives_a_failover_and_its_token_too()
    {
        long? token;
        string id = NewId();
        await using (ILockStore store = RedisFixture.StoreAt(_master.Port, s_one))
        {
            AcquireReply reply = await AskAsync(store, "k", id);
            token = reply.FencingToken;
        }

        _master.Kill();
        await _replica.CommandAsync("REPLICAOF", "NO", "ONE");
        await using ILockStore promoted = RedisFixture.StoreAt(_replica.Port);
        Assert.False((await AskAsync(promoted, "k", NewId())).IsGranted);
        Assert.Equal(StoreReply.Done, await promoted.TryExtendAsync("k", id, TimeSpan.FromMinutes(1), CancellationToken.None));
        Assert.Equal(StoreReply.Done, await promoted.TryReleaseAsync("k", id, CancellationToken.None));
        Assert.True((await AskAsync(promoted, "k", NewId())).FencingToken > token);
    }

    [Fact]
    public async Task Without_replicas_a_failover_may_lose_the_lease_and_the_token_tells()
    {
        await using ILockStore store = RedisFixture.StoreAt(_master.Port);
        _replica.Freeze();
        AcquireReply first = await AskAsync(store, "k", NewId());
        Assert.True(first.IsGranted);
        _master.Kill();
        _replica.Thaw();
        await _replica.CommandAsync("REPLICAOF", "NO", "ONE");
        await using ILockStore promoted = RedisFixture.StoreAt(_replica.Port);
        AcquireReply second = await AskAsync(promoted, "k", NewId());
        // What was frozen away may have come through or not; two holders have two tokens, in order.
        if (second.IsGranted)
            Assert.True(second.FencingToken > first.FencingToken);
        else
            Assert.True(second.HolderRemaining > TimeSpan.Zero);
    }

    private static string NewId() => Guid.NewGuid().ToString();

    private static async Task<AcquireReply> AskAsync(ILockStore store, string key, string id) =>
        await store.TryAcquireAsync(new AcquireRequest(key, id, "tester", TimeSpan.FromMinutes(1)), CancellationToken.None);
}

/// <summary>The conformance kit where every grant waits for a replica.</summary>
public sealed class ReplicatedConformanceTests(ReplicatedFixture servers) : LockStoreConformance, IClassFixture<ReplicatedFixture>
{
    private static readonly RedisLockSettings s_options = new() { Replicas = 1 };

    protected override StoreAbilities Abilities => new() { SignalsRelease = true, SignalsLoss = true, ForcesRelease = true };

    protected override ILockStore CreateStore() => RedisFixture.StoreAt(servers.Master.Port, s_options);

    protected override ILockStore CreateUnreachableStore(int closedPort) => RedisFixture.StoreAt(closedPort, s_options);

    protected override ILockStore CreateSilentStore(int silentPort, TimeSpan limit) => RedisFixture.StoreAt(silentPort, s_options, limit);
}

/// <summary>A master and its replica for a class of tests.</summary>
public sealed class ReplicatedFixture : IAsyncLifetime
{
    private RedisServer? _replica;

    public RedisServer Master { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        Master = await RedisServer.StartAsync("--repl-diskless-sync-delay", "0");
        _replica = await RedisServer.StartAsync("--replicaof", "127.0.0.1", $"{Master.Port}");
        await UntilReplicatedAsync(Master);
    }

    /// <summary>Until the master counts the replica: that is later than the replica's own opinion.</summary>
    public static Task UntilReplicatedAsync(RedisServer master) => Eventually.TrueAsync(async () =>
    {
        await using RawRedis raw = await master.RawAsync();
        await raw.CommandAsync("SET", "replicated", "yes");
        return await raw.CommandAsync("WAIT", "1", "5000") is 1L;
    }, "replication");

    public async Task DisposeAsync()
    {
        if (_replica is not null)
            await _replica.DisposeAsync();
        await Master.DisposeAsync();
    }
}
