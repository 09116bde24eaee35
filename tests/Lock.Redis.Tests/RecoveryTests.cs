using Locking.Conformance;
using Locking.Testing;

namespace Locking;

/// <summary>Waiters and holders while the server loads, is full, frozen or cut off, or its master dies: they go on by themselves.</summary>
public sealed class RecoveryTests(RedisFixture redis) : RedisTests(redis), IClassFixture<RedisFixture>
{
    private static readonly LockOptions s_noNet = new() { PollInterval = TimeSpan.FromHours(1), Ttl = TimeSpan.FromMinutes(10) };

    private long _lostAt;

    [Fact]
    public async Task A_server_that_loads_is_a_fault_that_says_so_and_passes()
    {
        await using RedisServer server = await StartSlowLoaderAsync();
        await using ILockStore store = RedisFixture.StoreAt(server.Port);
        await using var locks = new StoreLock(RedisFixture.StoreAt(server.Port));
        await TakeAsync(store, "k", "id");
        await using ILockHandle handle = await locks.LockAsync("other");
        await using RawRedis raw = await server.RawAsync();
        // The connections stay while the server throws its data away and loads them again.
        await raw.SendAsync("DEBUG", "RELOAD");
        LockStoreException? fault = null;
        await Eventually.TrueAsync(
            async () => (fault = await Record.ExceptionAsync(() =>
                AskAsync(store, "k", "id")) as LockStoreException) is not null, "a refusal");
        Assert.Contains("still loading", fault!.Message, StringComparison.Ordinal);
        Assert.True(fault is { IsTransient: true, MayHaveBeenApplied: false }, fault.ToString());
        Assert.Equal("OK", await raw.ReadAsync());
        Assert.Equal(StoreReply.Done, await store.TryExtendAsync("k", "id", LongTtl, CancellationToken.None));
        Assert.Null(handle.LostReason);
    }

    [Fact]
    public async Task A_server_that_restarts_and_loads_for_long_is_found_when_it_is_done()
    {
        await using RedisServer server = await StartSlowLoaderAsync();
        await using ILockStore store = RedisFixture.StoreAt(server.Port);
        await TakeAsync(store, "k", "id");
        Assert.Equal("OK", await server.CommandAsync("SAVE"));
        server.Kill();
        await server.StartAgainAsync(untilLoaded: false);
        Assert.StartsWith("LOADING", Assert.IsType<RedisErrorReply>(await server.CommandAsync("GET", "k"))
            .Message, StringComparison.Ordinal);

        // One that was connected before, and one that was not.
        await using ILockStore fresh = RedisFixture.StoreAt(server.Port);
        foreach (ILockStore? one in new[] { fresh, store })
        {
            LockStoreException fault = await Assert.ThrowsAsync<LockStoreException>(() => AskAsync(one, "k", "id"));
            Assert.True(fault is { IsTransient: true, MayHaveBeenApplied: false }, fault.ToString());
        }

        foreach (ILockStore? one in new[] { fresh, store })
        {
            await Eventually.TrueAsync(
                async () => await Record.ExceptionAsync(async () =>
                    Assert.Equal(StoreReply.Done, await one.TryExtendAsync("k", "id", LongTtl, CancellationToken.None))) is null,
                "the lock, as it was saved");
        }
    }

    [Fact]
    public async Task A_waiter_goes_on_when_the_server_was_frozen_for_longer_than_the_lease()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        var limit = TimeSpan.FromMilliseconds(300);
        await using var holding = new StoreLock(RedisFixture.StoreAt(server.Port), new LockOptions { Ttl = TimeSpan.FromSeconds(1) });
        await using var waiting = new StoreLock(RedisFixture.StoreAt(server.Port, commandTimeout: limit), s_noNet);
        ILockHandle held = await holding.LockAsync("k");
        Task<ILockHandle> waiter = WithoutFaultAsync(async () => await waiting.LockAsync("k"));
        await UntilListeningAsync(server, 1);
        server.Freeze();
        await Eventually.TrueAsync(() => held.LostToken.IsCancellationRequested, "the loss");
        Assert.False(waiter.IsCompleted);
        server.Thaw();
        await using ILockHandle next = await Eventually.DoneAsync(waiter, "the waiter's lock");
        Assert.True(next.FencingToken > held.FencingToken);
    }

    [Fact]
    public async Task A_waiter_goes_on_when_a_full_server_has_room_again()
    {
        await using RedisServer server = await RedisServer.StartAsync("--maxmemory-policy", "noeviction");
        await using var holding = new StoreLock(RedisFixture.StoreAt(server.Port), s_noNet);
        // Full from the moment on in which the waiter listens: it has not asked again, and stands in no line.
        OnceItWatches store = DelegatingLockStore.Over<OnceItWatches>(RedisFixture.StoreAt(server.Port));
        store.Then = () => server.CommandAsync("CONFIG", "SET", "maxmemory", "1");
        await using var waiting = new StoreLock(store, s_noNet);
        ILockHandle held = await holding.LockAsync("k");
        Task<ILockHandle> waiter = waiting.LockAsync("k").AsTask();
        await UntilRefusedAsync(server);
        Assert.Equal(UnlockOutcome.Released, await held.UnlockAsync());
        await server.CommandAsync("CONFIG", "RESETSTAT");
        await UntilRefusedAsync(server);
        Assert.False(waiter.IsCompleted);
        await server.CommandAsync("CONFIG", "SET", "maxmemory", "0");
        await using ILockHandle next = await Eventually.DoneAsync(waiter, "the waiter's lock");
        Assert.True(next.FencingToken > held.FencingToken);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_waiter_that_stands_in_line_already_goes_on_at_a_full_server(bool fair)
    {
        await using RedisServer server = await RedisServer.StartAsync("--maxmemory-policy", "noeviction");
        await using var holding = new StoreLock(RedisFixture.StoreAt(server.Port), s_noNet);
        await using var waiting = new StoreLock(RedisFixture.StoreAt(server.Port, new RedisLockSettings { Fair = fair }), s_noNet);
        ILockHandle held = await holding.LockAsync("k");
        Task<ILockHandle> waiter = waiting.LockAsync("k").AsTask();
        await Eventually.TrueAsync(
            async () => await RedisTests.WaitersAsync(server, "k") == 1, "in line");
        await UntilListeningAsync(server, 1);
        await server.CommandAsync("CONFIG", "SET", "maxmemory", "1");
        Assert.Equal(UnlockOutcome.Released, await held.UnlockAsync());
        await using ILockHandle next = await Eventually.DoneAsync(waiter, "the waiter's lock");
        Assert.True(next.FencingToken > held.FencingToken);
        // Newcomers are refused.
        Assert.Null(await holding.TryLockAsync("k"));
        LockStoreException fault = await Assert.ThrowsAsync<LockStoreException>(async () => await holding.TryLockAsync("another"));
        Assert.Contains("maxmemory", fault.Message, StringComparison.Ordinal);
        Assert.Equal(UnlockOutcome.Released, await next.UnlockAsync());
    }

    [Fact]
    public async Task A_holder_that_is_cut_off_knows_of_its_loss_while_the_server_still_keeps_the_lock()
    {
        await using var proxy = new RedisProxy(Server.Port);
        await using var locks = new StoreLock(RedisFixture.StoreAt(proxy.Port, commandTimeout: TimeSpan.FromMilliseconds(300)),
            new LockOptions { Ttl = TimeSpan.FromSeconds(3) });
        string key = NewKey();
        await using ILockHandle held = await locks.LockAsync(key);
        long? left = null;
        await using RawRedis raw = await Server.RawAsync();
        using CancellationTokenRegistration told =
            held.LostToken.Register(() => Volatile.Write(ref _lostAt, TimeProvider.System.GetTimestamp()));
        proxy.Cut();
        long expiredAt = 0;
        await Eventually.TrueAsync(async () =>
        {
            left = (long?)await raw.CommandAsync("PTTL", key);
            expiredAt = TimeProvider.System.GetTimestamp();
            return left < 0;
        }, "the lease's end");
        Assert.True(held.LostToken.IsCancellationRequested);
        Assert.Equal(LostReason.Expired, held.LostReason);
        await Eventually.TrueAsync(() => Volatile.Read(ref _lostAt) != 0, "the callback");
        Assert.True(Volatile.Read(ref _lostAt) <= expiredAt, "told after the server had let go");
        proxy.Mend();
    }

    [Fact]
    public async Task A_slow_network_shortens_what_the_holder_may_rely_on_and_nothing_else()
    {
        await using var proxy = new RedisProxy(Server.Port);
        await using var locks =
            new StoreLock(RedisFixture.StoreAt(proxy.Port), new LockOptions { Ttl = TimeSpan.FromSeconds(10), AutoRenew = false });
        await (await locks.LockAsync(NewKey())).UnlockAsync();
        proxy.Delay = TimeSpan.FromMilliseconds(200);
        await using ILockHandle handle = await locks.LockAsync(NewKey());
        // Counted from before the request: what the way there and back took is gone (400 ms; timers are coarse), and 1 % and 2 ms for
        // drift.
        Assert.InRange(handle.Remaining, TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(10) - TimeSpan.FromMilliseconds(380 + 102));
        Assert.Equal(UnlockOutcome.Released, await handle.UnlockAsync());
    }

    [Fact]
    public async Task A_grant_whose_answer_is_swallowed_leaves_no_lock_behind()
    {
        await using var proxy = new RedisProxy(Server.Port);
        await using var locks = new StoreLock(RedisFixture.StoreAt(proxy.Port, commandTimeout: TimeSpan.FromMilliseconds(300)), s_noNet);
        await (await locks.LockAsync(NewKey())).UnlockAsync();
        string key = NewKey();
        proxy.SwallowAnswers();
        LockStoreException fault = await Assert.ThrowsAsync<LockStoreException>(async () => await locks.TryLockAsync(key));
        Assert.True(fault is { IsTransient: true, MayHaveBeenApplied: true }, fault.ToString());
        // The lease of ten minutes is there or was: the clean-up needs no answer.
        proxy.Mend();
        await Eventually.TrueAsync(async () => (long)(await CommandAsync("EXISTS", key))! == 0, "the lock given back");
        await using ILockHandle again = await Eventually.DoneAsync(locks.LockAsync(key).AsTask(), "the lock again");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(0)]
    public async Task A_client_that_knows_both_servers_goes_on_at_the_one_that_was_promoted(int replicas)
    {
        await using RedisServer master = await RedisServer.StartAsync("--repl-diskless-sync-delay", "0");
        await using RedisServer replica = await RedisServer.StartAsync("--replicaof", "127.0.0.1", $"{master.Port}");
        await ReplicatedFixture.UntilReplicatedAsync(master);
        await using StoreLock locks = Of(replicas);
        await using StoreLock plain = Of(0);
        ILockHandle held = await locks.LockAsync("k");
        if (replicas == 0)
            await Eventually.TrueAsync(async () => await RedisTests.HolderAsync(replica, "k") == held.Id, "the lock at the replica");
        master.Kill();
        Assert.Equal("OK", await replica.CommandAsync("REPLICAOF", "NO", "ONE"));

        // The lease is the same one there. What demands a replica waits for another; what does not goes on.
        Assert.Null(await Eventually.DoneAsync(WithoutFaultAsync(async () => await plain.TryLockAsync("k")), "an answer"));
        Assert.Equal(held.Id, await RedisTests.HolderAsync(replica, "k"));
        if (replicas == 0)
            Assert.True(await Eventually.DoneAsync(WithoutFaultAsync(async () =>
                await locks.TryExtendAsync("k", held.Id, TimeSpan.FromMinutes(1))), "an extension"));
        Assert.Equal(UnlockOutcome.Released, await held.UnlockAsync());
        await using ILockHandle next =
            await Eventually.DoneAsync(WithoutFaultAsync(async () => await plain.LockAsync("k")), "the next lock");
        Assert.True(next.FencingToken > held.FencingToken);

        StoreLock Of(int wanted) => new(
            new RedisLockProvider().CreateStore(
                new RedisLockSettings { Url = $"{master.EndPoint},{replica.EndPoint}", Replicas = wanted }),
            new LockOptions { Ttl = TimeSpan.FromSeconds(30) });
    }

    /// <summary>A server that loads its 4,000 keys one each millisecond.</summary>
    private static async Task<RedisServer> StartSlowLoaderAsync()
    {
        RedisServer server = await RedisServer.StartAsync("--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024",
            "--enable-debug-command", "yes");
        await server.CommandAsync("EVAL", "for i = 1, 4000 do redis.call('set', 'filler' .. i, 'x') end", "0");
        return server;
    }

    /// <summary>Asks until there is an answer; faults on the way must be of the kind that passes.</summary>
    private static async Task<T> WithoutFaultAsync<T>(Func<Task<T>> ask)
    {
        while (true)
        {
            try
            {
                return await ask();
            }
            catch (LockStoreException fault)
            {
                Assert.True(fault.IsTransient, fault.ToString());
            }
        }
    }

    private static Task UntilRefusedAsync(RedisServer server) => Eventually.TrueAsync(
        async () => ((string)(await server.CommandAsync("INFO", "errorstats"))!)
            .Contains("errorstat_OOM", StringComparison.Ordinal), "a refusal");

    private static Task UntilListeningAsync(RedisServer server, long listeners) => Eventually.TrueAsync(
        async () => (long)((object?[])(await server.CommandAsync("PUBSUB", "NUMSUB", "lock:released"))!)[1]! == listeners, "subscribed");

    /// <summary>Does something between a watch and whatever its waiter asks next.</summary>
    public class OnceItWatches(ILockStore inner) : DelegatingLockStore(inner)
    {
        public Func<Task> Then { get; set; } = () => Task.CompletedTask;

        public override async ValueTask<IReleaseWatch> WatchAsync(string key, CancellationToken cancellationToken)
        {
            IReleaseWatch watch = await base.WatchAsync(key, cancellationToken);
            await Then();
            return watch;
        }
    }
}
