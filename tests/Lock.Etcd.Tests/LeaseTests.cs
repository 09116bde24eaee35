using Locking.Conformance;
using Locking.Testing;

namespace Locking;

/// <summary>Leases and tokens as etcd has them.</summary>
public sealed class LeaseTests(EtcdFixture etcd) : IClassFixture<EtcdFixture>
{
    private readonly string _key = Guid.NewGuid().ToString();

    [Fact]
    public async Task A_lease_has_whole_seconds_and_at_least_what_the_server_grants()
    {
        // An election timeout of 4 s makes 6 s the shortest lease.
        await using EtcdServer server = await EtcdServer.StartAsync("--heartbeat-interval", "100", "--election-timeout", "4000");
        await using ILockStore store = EtcdFixture.StoreAt([server.Url]);
        string id = Guid.NewGuid().ToString();
        Assert.True(
            (await store.TryAcquireAsync(new AcquireRequest(_key, id, "", TimeSpan.FromMilliseconds(1500)), CancellationToken.None))
                .IsGranted);
        string lease = await LeaseAsync(server);
        Assert.Contains("granted with TTL(6s)", await server.ControlAsync("lease", "timetolive", lease), StringComparison.Ordinal);

        // That is known from now on: extending by any shorter time needs no other lease.
        Assert.Equal(StoreReply.Done, await store.TryExtendAsync(_key, id, TimeSpan.FromMilliseconds(10), CancellationToken.None));
        Assert.Equal(StoreReply.Done, await store.TryExtendAsync(_key, id, TimeSpan.FromSeconds(6), CancellationToken.None));
        Assert.Equal(lease, await LeaseAsync(server));
        Assert.Equal(StoreReply.Done, await store.TryExtendAsync(_key, id, TimeSpan.FromMilliseconds(6001), CancellationToken.None));
        string longer = await LeaseAsync(server);
        Assert.NotEqual(lease, longer);
        Assert.Contains("granted with TTL(7s)", await server.ControlAsync("lease", "timetolive", longer), StringComparison.Ordinal);
        await Eventually.TrueAsync(
            async () => (await server.ControlAsync("lease", "timetolive", lease)).Contains("already expired", StringComparison.Ordinal),
            "the end of the first lease");
    }

    [Fact]
    public async Task Nothing_is_left_of_a_lock_and_of_those_who_did_not_get_it()
    {
        await using EtcdServer server = await EtcdServer.StartAsync();
        await using ILock first = new StoreLock(EtcdFixture.StoreAt([server.Url])),
            second = new StoreLock(EtcdFixture.StoreAt([server.Url]));
        ILockHandle handle = await first.LockAsync(_key);
        Assert.Null(await second.TryLockAsync(_key));
        Assert.Null(await second.TryLockAsync(_key, new LockOptions { WaitTimeout = TimeSpan.FromMilliseconds(100) }));
        using var stop = new CancellationTokenSource();
        Task<ILockHandle> waiting = second.LockAsync(_key, cancellationToken: stop.Token).AsTask();
        await Eventually.SettleAsync();
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        await handle.DisposeAsync();
        await Eventually.TrueAsync(
            async () => (await server.ControlAsync("lease", "list")).EndsWith("found 0 leases", StringComparison.Ordinal),
            "the end of all leases");
        Assert.Equal("lock:/base", await server.ControlAsync("get", "", "--prefix", "--keys-only"));
    }

    [Fact]
    public async Task A_lock_without_expiry_is_an_entry_without_a_lease()
    {
        await using ILockStore store = etcd.NewStore();
        string id = Guid.NewGuid().ToString();
        Assert.True(
            (await store.TryAcquireAsync(new AcquireRequest(_key, id, "", Timeout.InfiniteTimeSpan), CancellationToken.None)).IsGranted);
        Assert.Equal("0", await LeaseAsync(etcd.Server));
        await store.TryReleaseAsync(_key, id, CancellationToken.None);
    }

    [Fact]
    public async Task A_token_is_the_time_of_the_first_lock_and_sixty_four_for_each_revision()
    {
        await using EtcdServer server = await EtcdServer.StartAsync();
        DateTimeOffset start = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
        var clock = new Microsoft.Extensions.Time.Testing.FakeTimeProvider(start);
        await using ILockStore first = EtcdFixture.StoreAt([server.Url], clock: clock);
        long taken = await TokenAsync(first);
        long begins = (start - DateTimeOffset.UnixEpoch).Ticks / 10;
        Assert.Equal(begins, long.Parse(await server.ControlAsync("get", "--print-value-only", "lock:/base"), null));
        Assert.InRange(taken, begins + 64, begins + (64 * 10));
        Assert.Equal(0, (taken - begins) % 64);

        // Whoever comes later counts from there, whatever its clock says.
        await using ILockStore second = EtcdFixture.StoreAt([server.Url]);
        Assert.InRange(await TokenAsync(second), taken + 64, taken + (64 * 10));
    }

    [Fact]
    public async Task A_cluster_that_has_forgotten_everything_begins_above_what_it_has_given()
    {
        await using EtcdServer server = await EtcdServer.StartAsync();
        await using ILockStore store = EtcdFixture.StoreAt([server.Url]);
        for (int i = 0; i < 20; i++)
            await TokenAsync(store);
        long before = await TokenAsync(store);
        server.Forget();
        await server.ReadyAsync();
        long after = await TokenAsync(store);
        Assert.True(after > before, $"{after} came after {before}");
        Assert.NotEmpty(await server.ControlAsync("get", "lock:/base"));
    }

    private async Task<long> TokenAsync(ILockStore store)
    {
        string id = Guid.NewGuid().ToString();
        AcquireReply reply = await store.TryAcquireAsync(new AcquireRequest(_key, id, "", TimeSpan.FromMinutes(1)), CancellationToken.None);
        Assert.Equal(StoreReply.Done, await store.TryReleaseAsync(_key, id, CancellationToken.None));
        return reply.FencingToken!.Value;
    }

    /// <summary>The lease of the only entry, in hex.</summary>
    private async Task<string> LeaseAsync(EtcdServer server)
    {
        string fields = await server.ControlAsync("get", "--prefix", $"lock:{_key}/", "-w", "fields");
        return long.Parse(System.Text.RegularExpressions.Regex.Match(fields, "\"Lease\" : ([0-9]+)").Groups[1].Value, null)
            .ToString("x", null);
    }
}
