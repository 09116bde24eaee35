using System.Net;
using System.Net.Sockets;
using Locking.Conformance;
using Locking.Testing;
using StackExchange.Redis;

namespace Locking;

/// <summary>What a connection of our own has of its client: refusals at once, users, sockets, both protocols.</summary>
public sealed class OwnClientTests(RedisFixture redis) : RedisTests(redis), IClassFixture<RedisFixture>
{
    private const string Secret = "s3cret-pa55word";

    /// <summary>Nothing but a hang takes so long.</summary>
    private static readonly TimeSpan s_never = TimeSpan.FromMinutes(10);

    [Fact]
    public async Task A_dead_server_refuses_at_once_and_has_surely_done_nothing()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await using var locks = new StoreLock(RedisFixture.StoreAt(server.Port, commandTimeout: s_never));
        await (await locks.LockAsync("k")).UnlockAsync();
        server.Kill();
        // The first request may be the one that finds the connection gone. Each later one is known not to have been sent.
        await Eventually.DoneAsync(Assert.ThrowsAsync<LockStoreException>(async () => await locks.TryLockAsync("k")), "the first fault");
        for (int i = 0; i < 20; i++)
        {
            LockStoreException fault =
                await Eventually.DoneAsync(Assert.ThrowsAsync<LockStoreException>(async () => await locks.TryLockAsync("k")), "a fault");
            Assert.True(fault is { IsTransient: true, MayHaveBeenApplied: false }, fault.ToString());
        }
    }

    [Theory]
    [InlineData("user")]
    [InlineData("a,b")]
    public async Task A_user_of_the_servers_list_connects_in_each_form(string user)
    {
        Assert.Equal("OK", await CommandAsync("ACL", "SETUSER", user, "on", $">{Secret},x", "~*", "&*", "+@all"));
        var forms = new List<RedisLockSettings>
        {
            new() { Port = Server.Port, Username = user, Password = Secret + ",x" },
            new() { Url = $"redis://{Uri.EscapeDataString(user)}:{Uri.EscapeDataString(Secret + ",x")}@127.0.0.1:{Server.Port}" },
            new() { Url = $"redis://127.0.0.1:{Server.Port}", Username = user, Password = Secret + ",x" },
        };
        foreach (RedisLockSettings form in forms)
        {
            await using ILockStore store = StoreAt(form);
            await TakeAsync(store, NewKey(), NewId());
            Assert.Contains($" user={user} ", (string)(await CommandAsync("CLIENT", "LIST"))!, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("nobody", Secret, "connection.username")]
    [InlineData("somebody", "wrong-" + Secret, "connection.username")]
    [InlineData(null, Secret, "asks for no password")]
    public async Task A_user_or_password_that_the_server_does_not_know_is_final_also_where_it_asks_for_none(string? user, string password,
        string says)
    {
        // The default user has no password: the client would go on as that one.
        Assert.Equal("OK", await CommandAsync("ACL", "SETUSER", "somebody", "on", $">{Secret}", "~*", "&*", "+@all"));
        foreach (string protocol in (string[])["resp2", "resp3"])
        {
            var options = ConfigurationOptions.Parse($"{Server.EndPoint},protocol={protocol}");
            (options.User, options.Password) = (user, password);
            await using ILockStore store =
                new RedisLockProvider(options).CreateStore(new RedisLockSettings(), null, LockProviderContext.Default);
            LockStoreException fault = await FaultAsync(store);
            Assert.True(fault is { IsTransient: false, MayHaveBeenApplied: false }, fault.ToString());
            Assert.Contains(says, fault.Message, StringComparison.Ordinal);
            Assert.DoesNotContain(Secret, fault.ToString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_socket_is_a_place_to_connect_to()
    {
        string path = Path.Combine(Path.GetTempPath(), $"lock-{Guid.NewGuid():N}.sock");
        await using RedisServer server = await RedisServer.StartAsync("--unixsocket", path);
        await using var locks = new StoreLock(StoreAt(new RedisLockSettings { Path = path }));
        await using var others = new StoreLock(RedisFixture.StoreAt(server.Port));
        ILockHandle held = await locks.LockAsync("k");
        Task<ILockHandle> next = others.LockAsync("k").AsTask();
        await held.UnlockAsync();
        await using ILockHandle taken = await Eventually.DoneAsync(next, "the next holder");
        Assert.True(taken.FencingToken > held.FencingToken);
    }

    [Fact]
    public async Task A_socket_that_is_not_there_and_a_port_where_nobody_listens_are_said_at_once()
    {
        string path = Path.Combine(Path.GetTempPath(), $"lock-{Guid.NewGuid():N}.sock");
        foreach ((RedisLockSettings connection, string names) in new[] { (new RedisLockSettings { Path = path }, path),
            (new RedisLockSettings { Port = RedisServer.FreePort() }, "127.0.0.1") })
        {
            // Nobody waits for the limit of connecting.
            await using ILockStore store = StoreAt(connection with { ConnectTimeout = s_never });
            LockStoreException fault = await FaultAsync(store);
            Assert.True(fault is { IsTransient: true, MayHaveBeenApplied: false }, fault.ToString());
            Assert.Contains(names, fault.Message, StringComparison.Ordinal);
            Assert.IsType<SocketException>(fault.InnerException!.InnerException);
        }
    }

    [Theory]
    [InlineData("host")]
    [InlineData("redis://")]
    [InlineData("lent")]
    public async Task A_host_name_that_cannot_be_resolved_is_said_to_be_that(string form)
    {
        const string Host = "no-such-host.invalid";
        ILockStore store;
        if (form == "lent")
        {
            ConnectionMultiplexer lent = await ConnectionMultiplexer.ConnectAsync($"{Host}:6379,abortConnect=false,connectTimeout=500");
            store = new RedisLockStore(lent, new RedisLockSettings { CommandTimeout = TimeSpan.FromMilliseconds(500) });
            Track(new Disposal(lent));
        }
        else
        {
            RedisLockSettings settings = form == "host"
                ? new RedisLockSettings { Host = Host }
                : new RedisLockSettings { Url = $"redis://{Host}" };
            store = StoreAt(settings with { ConnectTimeout = s_never });
        }

        Track(store);
        LockStoreException fault = await FaultAsync(store);
        Assert.Contains("DNS", fault.Message, StringComparison.Ordinal);
        Assert.Contains(Host, fault.Message, StringComparison.Ordinal);
        Assert.True(fault.IsTransient);
    }

    [Theory]
    [InlineData("resp2")]
    [InlineData("resp3")]
    public async Task Both_protocols_wake_who_waits_and_tell_who_is_forced(string protocol)
    {
        RedisLockSettings At() => new() { Url = $"{Server.EndPoint},protocol={protocol}" };
        await using var holding = new StoreLock(StoreAt(At()));
        await using var waiting = new StoreLock(StoreAt(At()));
        string key = NewKey();
        var options = new LockOptions { Ttl = s_never, PollInterval = s_never };
        ILockHandle held = await holding.LockAsync(key, options);
        Task<ILockHandle> next = waiting.LockAsync(key, options).AsTask();
        await Eventually.TrueAsync(async () => await WaitersAsync(key) == 1, "in line");
        await held.UnlockAsync();
        await using ILockHandle taken = await Eventually.DoneAsync(next, "the next holder");
        await holding.ForceUnlockAsync(key);
        await Eventually.TrueAsync(() => taken.LostToken.IsCancellationRequested, "the loss");
        Assert.Equal(LostReason.Forced, taken.LostReason);
        Assert.Contains($" resp={protocol[^1]}", (string)(await CommandAsync("CLIENT", "LIST"))!, StringComparison.Ordinal);
    }

    private static ILockStore StoreAt(RedisLockSettings connection) =>
        new RedisLockProvider().CreateStore(connection, new LockOptions(), LockProviderContext.Default);

    private static async Task<LockStoreException> FaultAsync(ILockStore store) =>
        await Eventually.DoneAsync(Assert.ThrowsAsync<LockStoreException>(() => AskAsync(store, NewKey(), NewId())), "the fault");

    private sealed class Disposal(IConnectionMultiplexer client) : IAsyncDisposable
    {
        public ValueTask DisposeAsync() => client.DisposeAsync();
    }
}

/// <summary>The store over the protocol of old servers.</summary>
public sealed class Resp2ConformanceTests(RedisFixture redis) : LockStoreConformance, IClassFixture<RedisFixture>
{
    protected override StoreAbilities Abilities => new() { SignalsRelease = true, SignalsLoss = true, ForcesRelease = true };

    protected override ILockStore CreateStore() => StoreAt(redis.Server.EndPoint, null);

    protected override ILockStore CreateUnreachableStore(int closedPort) => StoreAt($"127.0.0.1:{closedPort}", null);

    protected override ILockStore CreateSilentStore(int silentPort, TimeSpan limit) => StoreAt($"127.0.0.1:{silentPort}", limit);

    private static ILockStore StoreAt(string endPoint, TimeSpan? limit) => new RedisLockProvider().CreateStore(
        new RedisLockSettings { Url = $"{endPoint},protocol=resp2", CommandTimeout = limit, ConnectTimeout = limit }, null,
        LockProviderContext.Default);
}
