using System.Net;
using System.Net.Sockets;
using Locking.Conformance;
using Locking.Testing;
using StackExchange.Redis;

namespace Locking;

/// <summary>Servers that refuse, are silent, die and come back: defined answers, clear messages, no secrets.</summary>
public sealed class FaultTests(RedisFixture redis) : RedisTests(redis), IClassFixture<RedisFixture>
{
    private const string Secret = "s3cret-pa55word";

    [Theory]
    [InlineData(null, "password")]
    [InlineData("wrong-" + Secret, "password")]
    public async Task A_wrong_password_is_final_and_is_said_without_showing_it(string? password, string says)
    {
        await using RedisServer server = await RedisServer.StartAsync("--requirepass", Secret);
        LockStoreException fault = await FaultAsync(new RedisLockSettings { Host = "127.0.0.1", Port = server.Port, Password = password });
        Assert.False(fault.IsTransient, fault.ToString());
        Assert.False(fault.MayHaveBeenApplied);
        Assert.Contains(says, fault.Message, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(Secret, fault.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_right_password_works_from_each_form_of_configuration()
    {
        await using RedisServer server = await RedisServer.StartAsync("--requirepass", Secret);
        RedisLockSettings[] forms =
        [
            new() { Host = "127.0.0.1", Port = server.Port, Password = Secret },
            new() { Host = "127.0.0.1", Port = server.Port, Password = Secret, Username = "default" },
            new() { Url = $"redis://:{Secret}@127.0.0.1:{server.Port}/3" },
            new() { Url = $"redis://default:{Secret}@127.0.0.1:{server.Port}" },
            new() { Url = $"redis://127.0.0.1:{server.Port}", Password = Secret, Db = 2 },
            new() { Url = $"127.0.0.1:{server.Port},password={Secret}" },
        ];
        foreach (RedisLockSettings form in forms)
        {
            await using ILockStore store = StoreAt(form);
            await TakeAsync(store, NewKey(), NewId());
        }
    }

    [Fact]
    public async Task Tls_to_a_plain_port_is_a_fault_that_names_tls()
    {
        LockStoreException fault = await FaultAsync(new RedisLockSettings { Host = "127.0.0.1", Port = Server.Port, Tls = true,
            ConnectTimeout = TimeSpan.FromSeconds(1) });
        Assert.Contains("TLS", fault.Message, StringComparison.Ordinal);
        Assert.False(fault.MayHaveBeenApplied);
    }

    [Fact]
    public async Task An_unknown_host_is_named()
    {
        LockStoreException fault =
            await FaultAsync(new RedisLockSettings { Host = "no-such-host.invalid", Port = 6379, Password = Secret });
        Assert.Contains("no-such-host.invalid", fault.Message, StringComparison.Ordinal);
        Assert.True(fault.IsTransient);
        Assert.False(fault.MayHaveBeenApplied);
        Assert.DoesNotContain(Secret, fault.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_is_down_at_the_start_is_found_when_it_is_up()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        server.Kill();
        await using ILockStore store = RedisFixture.StoreAt(server.Port);
        string key = NewKey();
        LockStoreException fault = await Assert.ThrowsAsync<LockStoreException>(() => AskAsync(store, key, NewId()));
        Assert.True(fault.IsTransient);
        Assert.False(fault.MayHaveBeenApplied);
        Assert.Contains($"127.0.0.1:{server.Port}", fault.Message, StringComparison.Ordinal);
        await server.StartAgainAsync();
        await Eventually.TrueAsync(
            async () => await Record.ExceptionAsync(() => AskAsync(store, key, NewId())) is null, "the server found");
    }

    [Fact]
    public async Task A_server_killed_in_mid_hold_is_a_fault_at_once_and_comes_back_by_itself()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await using ILockStore store = RedisFixture.StoreAt(server.Port);
        (string key, string id) = (NewKey(), NewId());
        await TakeAsync(store, key, id);
        server.Kill();
        Exception fault = await Eventually.DoneAsync(
            Record.ExceptionAsync(async () => await store.TryExtendAsync(key, id, LongTtl, CancellationToken.None)), "the fault");
        Assert.True(Assert.IsType<LockStoreException>(fault).IsTransient);
        await server.StartAgainAsync();
        await Eventually.TrueAsync(async () =>
        {
            try
            {
                return await store.TryExtendAsync(key, id, LongTtl, CancellationToken.None) == StoreReply.NotHeld;
            }
            catch (LockStoreException again)
            {
                Assert.True(again.IsTransient);
                return false;
            }
        }, "the server back, and empty");
        await TakeAsync(store, key, id);
    }

    [Fact]
    public async Task A_frozen_server_is_a_fault_within_the_limit_and_a_late_grant_ends_with_its_ttl()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await using ILockStore store = RedisFixture.StoreAt(server.Port, commandTimeout: TimeSpan.FromMilliseconds(300));
        string key = NewKey();
        await Eventually.TrueAsync(async () => await Record.ExceptionAsync(() => AskAsync(store, NewKey(), NewId())) is null, "connected");
        server.Freeze();
        long began = TimeProvider.System.GetTimestamp();
        LockStoreException fault = await Assert.ThrowsAsync<LockStoreException>(
            () => Eventually.DoneAsync(AskAsync(store, key, NewId(), TimeSpan.FromMilliseconds(400)), "the time limit"));
        Assert.True(TimeProvider.System.GetElapsedTime(began) >= TimeSpan.FromMilliseconds(250), "it gave up before its time limit");
        Assert.True(fault is { IsTransient: true, MayHaveBeenApplied: true });
        Assert.Contains("did not answer", fault.Message, StringComparison.Ordinal);
        server.Thaw();

        // Asked over another connection: this one's short limit is none for a machine that is busy with other tests.
        await using ILockStore patient = RedisFixture.StoreAt(server.Port);
        await Eventually.TrueAsync(
            async () => await Record.ExceptionAsync(async () =>
                await store.GetAsync(key, CancellationToken.None)) is null, "answers again");
        await Eventually.TrueAsync(async () => await patient.GetAsync(key, CancellationToken.None) is null, "the late grant's end");
    }

    [Fact]
    public async Task A_server_frozen_for_longer_than_the_ttl_loses_the_lease_before_anybody_else_can_have_it()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        var options = new LockOptions { Ttl = TimeSpan.FromSeconds(1) };
        await using var locks = new StoreLock(RedisFixture.StoreAt(server.Port), options);
        await using var others = new StoreLock(RedisFixture.StoreAt(server.Port), options);
        string key = NewKey();
        await using ILockHandle held = await locks.LockAsync(key);
        server.Freeze();
        await Eventually.TrueAsync(() => held.LostToken.IsCancellationRequested, "the loss");
        Assert.Equal(LostReason.Expired, held.LostReason);
        server.Thaw();
        await using ILockHandle next = await Eventually.DoneAsync(others.LockAsync(key).AsTask(), "the next holder");
        Assert.True(next.FencingToken > held.FencingToken);
    }

    [Fact]
    public async Task Connections_killed_under_load_cost_nobody_a_lock()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        string key = NewKey();
        var locks = Enumerable.Range(0, 3).Select(_ => new StoreLock(RedisFixture.StoreAt(server.Port))).ToList();
        using var stop = new CancellationTokenSource();
        var killer = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                await server.CommandAsync("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
                await Task.Delay(150);
            }
        });
        int holders = 0;
        await Eventually.DoneAsync(
            Task.WhenAll(locks.Select(one => Task.Run(async () =>
            {
                for (int turn = 0; turn < 10; turn++)
                {
                    await using ILockHandle handle =
                        await one.LockAsync(key, new LockOptions { Ttl = TimeSpan.FromSeconds(2), AutoRenew = true });
                    Assert.Equal(1, Interlocked.Increment(ref holders));
                    await Task.Delay(20);
                    Interlocked.Decrement(ref holders);
                    await handle.UnlockAsync();
                }
            }))),
            "all turns under fire", TimeSpan.FromSeconds(90));
        await stop.CancelAsync();
        await killer;
        foreach (StoreLock? one in locks)
            await one.DisposeAsync();
    }

    [Fact]
    public async Task A_full_server_grants_nothing_and_lets_go_of_everything()
    {
        await using RedisServer server = await RedisServer.StartAsync("--maxmemory-policy", "noeviction");
        await using ILockStore store = RedisFixture.StoreAt(server.Port);
        (string key, string id) = (NewKey(), NewId());
        await TakeAsync(store, key, id);
        await server.CommandAsync("CONFIG", "SET", "maxmemory", "1");
        LockStoreException fault = await Assert.ThrowsAsync<LockStoreException>(() => AskAsync(store, NewKey(), NewId()));
        Assert.True(fault is { IsTransient: true, MayHaveBeenApplied: false }, fault.ToString());
        Assert.Contains("maxmemory", fault.Message, StringComparison.Ordinal);
        Assert.Equal(StoreReply.Done, await store.TryExtendAsync(key, id, LongTtl, CancellationToken.None));
        Assert.Equal(id, (await store.GetAsync(key, CancellationToken.None))!.Id);
        Assert.Equal(StoreReply.Done, await ReleaseAsync(store, key, id));
        await server.CommandAsync("CONFIG", "SET", "maxmemory", "0");
        await TakeAsync(store, key, NewId());
    }

    [Fact]
    public async Task A_master_that_became_a_replica_refuses_and_is_used_again_when_it_is_a_master()
    {
        await using RedisServer master = await RedisServer.StartAsync();
        await using ILockStore store = RedisFixture.StoreAt(master.Port);
        await TakeAsync(store, NewKey(), NewId());
        await master.CommandAsync("REPLICAOF", "127.0.0.1", $"{RedisServer.FreePort()}");
        // At first the server says so, and later the client, which has noticed.
        for (int i = 0; i < 5; i++)
        {
            LockStoreException fault = await Assert.ThrowsAsync<LockStoreException>(() => AskAsync(store, NewKey(), NewId()));
            Assert.True(fault is { IsTransient: true, MayHaveBeenApplied: false }, fault.ToString());
            Assert.Contains("replica", fault.Message, StringComparison.Ordinal);
            await ((IConnectionMultiplexer)((RedisLockStore)store).Connection.Connected!).ConfigureAsync();
        }

        // And to who comes only now.
        await using (ILockStore late = RedisFixture.StoreAt(master.Port))
        {
            LockStoreException fault = await Assert.ThrowsAsync<LockStoreException>(() => AskAsync(late, NewKey(), NewId()));
            Assert.Contains("is a replica", fault.Message, StringComparison.Ordinal);
        }

        await master.CommandAsync("REPLICAOF", "NO", "ONE");
        await Eventually.TrueAsync(async () =>
            await Record.ExceptionAsync(() => AskAsync(store, NewKey(), NewId())) is null, "a master again");
    }

    [Fact]
    public async Task A_server_that_answers_something_else_is_a_fault()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var serving = Task.Run(async () =>
        {
            while (true)
            {
                using TcpClient client = await listener.AcceptTcpClientAsync();
                await client.GetStream().WriteAsync("HTTP/1.1 400 Bad Request\r\n\r\n"u8.ToArray());
            }
        });
        LockStoreException fault = await FaultAsync(new RedisLockSettings
        {
            Host = "127.0.0.1", Port = ((IPEndPoint)listener.LocalEndpoint).Port, ConnectTimeout = TimeSpan.FromSeconds(1),
        });
        Assert.False(fault.MayHaveBeenApplied);
        listener.Stop();
        await Assert.ThrowsAnyAsync<Exception>(() => serving);
    }

    [Theory]
    [InlineData("host and port")]
    [InlineData("redis://")]
    [InlineData("the client's own form")]
    public async Task A_Sentinel_is_called_one_with_the_way_out(string form)
    {
        await using SentinelServer sentinel = await SentinelServer.StartAsync();
        LockStoreException fault = await FaultAsync(form switch
        {
            "host and port" => new RedisLockSettings { Host = "127.0.0.1", Port = sentinel.Port },
            "redis://" => new RedisLockSettings { Url = $"redis://:{Secret}@127.0.0.1:{sentinel.Port}" },
            _ => new RedisLockSettings { Url = $"127.0.0.1:{sentinel.Port},password={Secret}" },
        });
        Assert.Contains($"127.0.0.1:{sentinel.Port} is a Sentinel", fault.Message, StringComparison.Ordinal);
        Assert.Contains("serviceName=", fault.Message, StringComparison.Ordinal);
        Assert.True(fault is { IsTransient: false, MayHaveBeenApplied: false }, fault.ToString());
        Assert.DoesNotContain(Secret, fault.ToString(), StringComparison.Ordinal);
    }

    private static ILockStore StoreAt(RedisLockSettings connection) =>
        new RedisLockProvider().CreateStore(connection, new LockOptions(), LockProviderContext.Default);

    private static async Task<LockStoreException> FaultAsync(RedisLockSettings connection)
    {
        await using ILockStore store = StoreAt(connection);
        return await Eventually.DoneAsync(Assert.ThrowsAsync<LockStoreException>(() => AskAsync(store, NewKey(), NewId())), "the fault");
    }
}
