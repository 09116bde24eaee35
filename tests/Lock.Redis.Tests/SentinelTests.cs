using Locking.Conformance;
using Locking.Testing;

namespace Locking;

/// <summary>A master and a replica that Sentinel watches.</summary>
public sealed class SentinelTests : IAsyncLifetime
{
    private RedisServer _master = null!;
    private RedisServer _replica = null!;
    private SentinelServer _sentinel = null!;

    public async Task InitializeAsync()
    {
        _master = await RedisServer.StartAsync("--repl-diskless-sync-delay", "0");
        _replica = await RedisServer.StartAsync("--replicaof", "127.0.0.1", $"{_master.Port}", "--repl-diskless-sync-delay", "0");
        await ReplicatedFixture.UntilReplicatedAsync(_master);
        _sentinel = await SentinelServer.StartAsync(_master.Port);
        await Eventually.TrueAsync(
            async () => ((string)(await _sentinel.CommandAsync("INFO", "sentinel"))!)
                .Contains("slaves=1", StringComparison.Ordinal), "the replica known", TimeSpan.FromSeconds(60));
    }

    public async Task DisposeAsync()
    {
        await _sentinel.DisposeAsync();
        await _replica.DisposeAsync();
        await _master.DisposeAsync();
    }

    [Fact]
    public async Task A_failover_in_mid_hold_keeps_the_lease_and_who_waits_is_served_by_the_new_master()
    {
        var options = new LockOptions { Ttl = TimeSpan.FromMinutes(10), RenewInterval = TimeSpan.FromMilliseconds(300) };
        await using var locks = new StoreLock(Store("mymaster"), options);
        await using var others = new StoreLock(Store("mymaster"), options);
        await using ILockHandle held = await locks.LockAsync("k");
        // The replica has the grant before the master dies, and the mark of a waiter that was answered: one that was not would be told,
        // after a while, that nobody answers.
        await Eventually.TrueAsync(async () => await RedisTests.HolderAsync(_replica, "k") == held.Id, "replicated");
        object? unmarked = await _replica.CommandAsync("GET", "k");
        Task<ILockHandle> waiting = others.LockAsync("k").AsTask();
        await Eventually.TrueAsync(async () => !Equals(await _replica.CommandAsync("GET", "k"), unmarked), "the mark replicated");
        _master.Kill();
        await Eventually.TrueAsync(
            async () =>
            {
                try
                {
                    return ((object?[])(await _replica.CommandAsync("ROLE"))!)[0] is "master";
                }
                catch (IOException)
                {
                    // Sentinel closes the connections of a server that it promotes.
                    return false;
                }
            }, "the failover", TimeSpan.FromSeconds(120));
        await Eventually.TrueAsync(
            async () =>
            {
                try
                {
                    return await held.TryExtendAsync(TimeSpan.FromMinutes(10));
                }
                catch (LockStoreException fault)
                {
                    Assert.True(fault.IsTransient, fault.ToString());
                    return false;
                }
            }, "the lease kept", TimeSpan.FromSeconds(120));
        Assert.False(held.LostToken.IsCancellationRequested, $"the lease was lost: {held.LostReason}");
        Assert.Equal(held.Id, await RedisTests.HolderAsync(_replica, "k"));
        Assert.False(waiting.IsCompleted);
        Assert.Equal(UnlockOutcome.Released, await held.UnlockAsync());
        await using ILockHandle next = await Eventually.DoneAsync(waiting, "the next holder", TimeSpan.FromSeconds(120));
        Assert.True(next.FencingToken > held.FencingToken);
    }

    [Fact]
    public async Task A_service_that_Sentinel_does_not_know_is_named()
    {
        await using ILockStore store = Store("no-such-master");
        LockStoreException fault = await Eventually.DoneAsync(
            Assert.ThrowsAsync<LockStoreException>(async () => await store.TryAcquireAsync(new AcquireRequest("k", "id", "owner",
                TimeSpan.FromMinutes(1)), CancellationToken.None)), "the fault");
        Assert.Contains("no master called 'no-such-master'", fault.Message, StringComparison.Ordinal);
        Assert.Contains("serviceName", fault.Message, StringComparison.Ordinal);
        Assert.True(fault is { IsTransient: false, MayHaveBeenApplied: false }, fault.ToString());
    }

    private ILockStore Store(string service) => new RedisLockProvider().CreateStore(
        new RedisLockSettings { Url = $"127.0.0.1:{_sentinel.Port},serviceName={service}" }, null, LockProviderContext.Default);
}
