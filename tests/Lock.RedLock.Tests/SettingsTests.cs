using Locking.Testing;

namespace Locking;

/// <summary>What a quorum's configuration may say.</summary>
public sealed class SettingsTests
{
    private static readonly RedLockSettings s_three = new() { Endpoints = [new() { Port = 1 }, new() { Port = 2 }, new() { Port = 3 }] };

    private static RedLockSettings One(RedisLockSettings endpoint) =>
        new() { Username = "shared", Password = "shared's", Endpoints = [endpoint] };

    public static TheoryData<RedLockSettings, LockOptions?, string, string> Mistakes => new()
    {
        { new(), null, "connection.endpoints", "at least one" },
        { new() { Endpoints = [new() { Port = 1 }, new() { Port = 1 }] }, null, "connection.endpoints[1]", "named twice" },
        { new() { Endpoints = [new() { Port = 1 }, new() { Url = "http://:s3cret@h" }] }, null, "connection.endpoints[1].url", "redis://" },
        { One(new() { Url = "redis://x:s3cret@h", Password = "other" }), null, "connection.endpoints[0].password", "once" },
        { One(new() { Url = "redis://x:s3cret@h", Username = "s3cret" }), null, "connection.endpoints[0].username", "once" },
        { One(new() { Url = "h:1,password=s3cret", Password = "other" }), null, "connection.endpoints[0].password", "once" },
        { One(new() { Url = "rediss://h", Tls = false }), null, "connection.endpoints[0].tls", "once" },
        { One(new() { Url = "redis://h/4", Db = 3 }), null, "connection.endpoints[0].db", "once" },
        { s_three, new() { Ttl = Timeout.InfiniteTimeSpan }, "lockOptions.ttl", "redLock" },
        { s_three with { Format = LockFormats.DistLock }, null, "lockOptions.format", "redlock.net" },
        { s_three with { Quorum = 1 }, null, "lockOptions.quorum", "2 to 3" },
        { s_three with { Quorum = 4 }, null, "lockOptions.quorum", "2 to 3" },
        { s_three with { NodeTimeout = TimeSpan.Zero }, null, "lockOptions.nodeTimeout", "1 to 10,000 days" },
        { new() { Endpoints = [new() { Port = 1 }, new() { Port = 0 }] }, null, "connection.endpoints[1].port", "1 to 65535" },
    };

    /// <summary>User and password are one pair: who has one of them takes nothing of the shared ones, wherever it says so.</summary>
    public static TheoryData<string> OwnPairs => new() { "url", "settings", "url and setting", "password alone", "client's own" };

    [Theory]
    [MemberData(nameof(OwnPairs))]
    public async Task An_endpoint_that_has_a_user_or_a_password_takes_nothing_of_the_shared_pair(string how)
    {
        await using RedisServer server = await RedisServer.StartAsync();
        foreach ((string? user, string? password) in new[] { ("x", "y"), ("shared", "s3cret") })
            await server.CommandAsync("ACL", "SETUSER", user, "on", ">" + password, "~*", "&*", "+@all");
        await server.CommandAsync("CONFIG", "SET", "requirepass", "default's");
        string address = $"127.0.0.1:{server.Port}";
        RedisLockSettings endpoint = how switch
        {
            "url" => new RedisLockSettings { Url = $"redis://x:y@{address}" },
            "settings" => new RedisLockSettings { Port = server.Port, Username = "x", Password = "y" },
            "url and setting" => new RedisLockSettings { Url = $"redis://x@{address}", Password = "y" },
            "password alone" => new RedisLockSettings { Port = server.Port, Password = "default's" },
            _ => new RedisLockSettings { Url = $"{address},user=x,password=y" },
        };
        Assert.Equal(
            how == "password alone" ? "default" : "x",
            await UserAsync(server, endpoint, new RedLockSettings { Username = "shared", Password = "s3cret" }));
        Assert.Equal(
            "shared",
            await UserAsync(
                server,
                new RedisLockSettings { Url = $"redis://{address}" },
                new RedLockSettings { Username = "shared", Password = "s3cret" }));
    }

    [Fact]
    public async Task What_an_endpoints_url_says_of_its_database_and_of_TLS_stands_over_what_is_shared()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        var settings = new RedLockSettings { Db = 2, Endpoints = [new() { Url = $"redis://127.0.0.1:{server.Port}/4" }] };
        await using var locks = new StoreLock(new RedLockProvider().CreateStore(settings));
        await using ILockHandle handle = await locks.LockAsync("k");
        await using RawRedis raw = await server.RawAsync();
        await raw.CommandAsync("SELECT", "4");
        Assert.Equal(handle.Id, await raw.CommandAsync("GET", "k"));

        RedisConnector connector = RedisConnector.From(
            new RedisLockSettings { Url = "rediss://h" }, shared: new RedisLockSettings { Tls = false });
        Assert.True(connector.IsEncrypted);
    }

    /// <summary>Who the server thinks we are.</summary>
    private static async Task<string?> UserAsync(RedisServer server, RedisLockSettings endpoint, RedLockSettings common)
    {
        RedLockSettings settings = common with { Endpoints = [endpoint] };
        await using var locks = new StoreLock(new RedLockProvider().CreateStore(settings));
        await using ILockHandle handle = await locks.LockAsync("k");
        await using RawRedis raw = await server.RawAsync("default's");
        string clients = (string)(await raw.CommandAsync("CLIENT", "LIST"))!;
        string ours = clients.Split('\n').First(
            static line => line.Contains("cmd=evalsha", StringComparison.Ordinal) || line.Contains("cmd=eval", StringComparison.Ordinal));
        return ours.Split(" user=")[1].Split(' ')[0];
    }

    [Theory]
    [MemberData(nameof(Mistakes))]
    public void A_mistake_names_the_setting(RedLockSettings settings, LockOptions? options, string path, string says)
    {
        LockConfigException exception = Assert.Throws<LockConfigException>(() => new RedLockProvider().CreateStore(settings, options));
        Assert.Equal(path, exception.Path);
        Assert.Contains(says, exception.Message, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("s3cret", exception.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("lock")]
    [InlineData("handle")]
    [InlineData("id")]
    public async Task A_call_for_a_lock_without_expiry_is_told_which_setting_it_is_and_leaves_nothing(string call)
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await using var locks = new StoreLock(Quorum.StoreAt([server.Port]));
        await using ILockHandle held = await locks.LockAsync("held");
        ArgumentException fault = await Assert.ThrowsAsync<ArgumentException>(async () =>
        {
            if (call == "lock")
                await locks.LockAsync("k", new LockOptions { Ttl = Timeout.InfiniteTimeSpan });
            else if (call == "handle")
                await held.ExtendAsync(Timeout.InfiniteTimeSpan);
            else
                await locks.TryExtendAsync("held", held.Id, Timeout.InfiniteTimeSpan);
        });
        Assert.StartsWith("lockOptions.ttl must be a time for redLock", fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("arameter", fault.Message, StringComparison.Ordinal);
        Assert.Null(await server.CommandAsync("GET", "k"));
        Assert.Equal(UnlockOutcome.Released, await held.UnlockAsync());
    }

    [Fact]
    public async Task Endpoints_have_credentials_of_their_own_or_the_common_ones()
    {
        await using RedisServer open = await RedisServer.StartAsync();
        await using RedisServer common = await RedisServer.StartAsync("--requirepass", "common");
        await using RedisServer own = await RedisServer.StartAsync("--requirepass", "own");
        RedLockSettings settings = new RedLockSettings
        {
            Password = "common",
            Endpoints =
            [
                new() { Port = common.Port },
                new() { Url = $"redis://:own@127.0.0.1:{own.Port}/4", Password = "own" },
                new() { Port = open.Port, Password = "" },
            ],
        };
        await using var locks = new StoreLock(new RedLockProvider().CreateStore(settings));
        await using ILockHandle handle = await locks.LockAsync("k");
        foreach ((RedisServer server, string? password, string db) in
            new (RedisServer, string?, string)[] { (common, "common", "0"), (own, "own", "4"), (open, null, "0") })
        {
            await Conformance.Eventually.TrueAsync(async () =>
            {
                await using RawRedis raw = await server.RawAsync(password);
                await raw.CommandAsync("SELECT", db);
                return (string?)await raw.CommandAsync("GET", "k") == handle.Id;
            }, "the vote of every node");
        }
    }
}
