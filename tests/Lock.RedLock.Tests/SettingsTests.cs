namespace Locking;

/// <summary>What a quorum's configuration may say.</summary>
public sealed class SettingsTests
{
    private static readonly LockConnection s_three = new() { Endpoints = [new() { Port = 1 }, new() { Port = 2 }, new() { Port = 3 }] };

    public static TheoryData<LockConnection?, LockOptions?, string, string> Mistakes => new()
    {
        { null, null, "connection.endpoints", "at least one" },
        { s_three with { Host = "h" }, null, "connection", "endpoints" },
        { new() { Endpoints = [new() { Port = 1 }, new() { Port = 1 }] }, null, "connection.endpoints[1]", "named twice" },
        { new() { Endpoints = [new() { Port = 1 }, new() { Url = "http://:s3cret@h" }] }, null, "connection.endpoints[1].url", "redis://" },
        { s_three, new() { Ttl = Timeout.InfiniteTimeSpan }, "lockOptions.ttl", "redLock" },
        { s_three, new() { Format = LockFormats.DistLock }, "lockOptions.format", "redlock.net" },
        { s_three, new() { Replicas = 1 }, "lockOptions.replicas", "redis" },
        { s_three, new() { Fair = true }, "lockOptions.fair", "redis or broker" },
        { s_three, new() { Quorum = 1 }, "lockOptions.quorum", "from 2" },
        { s_three, new() { Quorum = 4 }, "lockOptions.quorum", "to 3" },
    };

    [Theory]
    [MemberData(nameof(Mistakes))]
    public void A_mistake_names_the_setting(LockConnection? connection, LockOptions? options, string path, string says)
    {
        var config = new LockConfig { Connection = connection, LockOptions = options };
        var exception = Assert.Throws<LockConfigException>(() => new RedLockLockProvider().CreateStore(config, LockProviderContext.Default));
        Assert.Equal(path, exception.Path);
        Assert.Contains(says, exception.Message, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("s3cret", exception.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Endpoints_have_credentials_of_their_own_or_the_common_ones()
    {
        await using var open = await Testing.RedisServer.StartAsync();
        await using var common = await Testing.RedisServer.StartAsync("--requirepass", "common");
        await using var own = await Testing.RedisServer.StartAsync("--requirepass", "own");
        var config = new LockConfig
        {
            Connection = new LockConnection
            {
                Password = "common",
                Endpoints = [new() { Port = common.Port }, new() { Url = $"redis://:own@127.0.0.1:{own.Port}/4", Password = "own" }, new() { Port = open.Port, Password = "" }],
            },
        };
        await using var locks = new StoreLock(new RedLockLockProvider().CreateStore(config, LockProviderContext.Default));
        await using var handle = await locks.LockAsync("k");
        foreach (var (server, password, db) in new[] { (common, "common", "0"), (own, "own", "4"), (open, null, "0") })
        {
            await Conformance.Eventually.TrueAsync(async () =>
            {
                await using var raw = await server.RawAsync(password);
                await raw.CommandAsync("SELECT", db);
                return (string?)await raw.CommandAsync("GET", "k") == handle.Id;
            }, "the vote of every node");
        }
    }
}
