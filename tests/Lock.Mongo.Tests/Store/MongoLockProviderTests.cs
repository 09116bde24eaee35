using MongoDB.Bson;
using MongoDB.Driver;

namespace Locking;

public sealed class MongoLockProviderTests(MongoServer server) : IClassFixture<MongoServer>
{
    [Fact]
    public async Task A_store_is_made_from_a_configuration_alone()
    {
        var config = new LockConfig
        {
            Type = "mongo",
            Connection = new LockConnection { Url = server.Uri, Database = "lock_tests", Collection = server.SharedCollection },
            LockOptions = new LockOptions { KeyPrefix = "p:", FenceRetention = TimeSpan.FromMinutes(2) },
        };
        await using ILockStore store = new MongoLockProvider().CreateStore(config, LockProviderContext.Default);
        Assert.Equal("mongo", store.Type);
        string id = TestStore.NewId();
        Assert.True((await store.TryAcquireAsync(new AcquireRequest("k", id, "me", TimeSpan.FromSeconds(5)), default)).IsGranted);
        Assert.Equal(StoreReply.Done, await store.TryReleaseAsync("k", id, default));
    }

    [Fact]
    public async Task An_applications_own_client_is_used_and_left_open()
    {
        using var client = new MongoClient(server.Uri);
        var config = new LockConfig { Connection = new LockConnection { Database = "lock_tests", Collection = server.SharedCollection } };
        ILockStore store = new MongoLockProvider(client).CreateStore(config, LockProviderContext.Default);
        Assert.Null(await store.GetAsync("k", default));
        await store.DisposeAsync();
        Assert.Equal(1, (await client.GetDatabase("admin").RunCommandAsync<BsonDocument>(new BsonDocument("ping", 1)))["ok"].ToInt32());
        LockConfigException e = Assert.Throws<LockConfigException>(() => new MongoLockProvider(client).CreateStore(
            new LockConfig { Connection = new LockConnection { Host = "h" } }, LockProviderContext.Default));
        Assert.Equal("connection.host", e.Path);
    }

    public static TheoryData<string, LockConnection> BadConnections => new()
    {
        { "connection.url", new LockConnection { Url = "redis://h" } },
        { "connection.url", new LockConnection { Url = "mongodb://h/?colour=red" } },
        { "connection.host", new LockConnection { Url = "mongodb://h", Host = "h" } },
        { "connection.port", new LockConnection { Url = "mongodb://h", Port = 1 } },
        { "connection.host", new LockConnection { Host = "a,b" } },
        { "connection.host", new LockConnection { Host = "" } },
        { "connection.path", new LockConnection { Path = "/tmp/s" } },
        { "connection.db", new LockConnection { Db = 1 } },
        { "connection.endpoints", new LockConnection { Endpoints = [] } },
        { "connection.launch", new LockConnection { Launch = true } },
        { "connection.secret", new LockConnection { Secret = "s3cret" } },
        { "connection.database", new LockConnection { Database = "a.b" } },
        { "connection.database", new LockConnection { Database = "" } },
        { "connection.collection", new LockConnection { Collection = "a$b" } },
        { "connection.collection", new LockConnection { Collection = "system.locks" } },
        { "connection.writeConcern", new LockConnection { WriteConcern = "most" } },
        { "connection.writeConcern", new LockConnection { WriteConcern = "0" } },
        { "connection.password", new LockConnection { Password = "s3cret" } },
        { "connection.password", new LockConnection { Url = "mongodb://u:s3cret1@h", Password = "s3cret2" } },
        { "connection.username", new LockConnection { Url = "mongodb://u:s3cret@h", Username = "v" } },
        { "connection.tls", new LockConnection { Url = "mongodb://h/?tls=true", Tls = false } },
    };

    [Theory]
    [MemberData(nameof(BadConnections))]
    public void A_bad_connection_is_named_without_its_secret(string path, LockConnection connection)
    {
        LockConfigException e = Assert.Throws<LockConfigException>(
            () => new MongoLockProvider().CreateStore(new LockConfig { Connection = connection }, LockProviderContext.Default));
        Assert.Equal(path, e.Path);
        Assert.DoesNotContain("s3cret", e.ToString(), StringComparison.Ordinal);
    }

    public static TheoryData<string, LockOptions> BadOptions => new()
    {
        { "lockOptions.format", new LockOptions { Format = "redlock.net" } },
        { "lockOptions.replicas", new LockOptions { Replicas = 1 } },
        { "lockOptions.fair", new LockOptions { Fair = true } },
        { "lockOptions.wait", new LockOptions { Wait = WaitMode.Notify } },
    };

    [Theory]
    [MemberData(nameof(BadOptions))]
    public void Options_that_cannot_be_honoured_are_refused(string path, LockOptions options)
    {
        LockConfigException e = Assert.Throws<LockConfigException>(
            () => new MongoLockProvider().CreateStore(new LockConfig { LockOptions = options }, LockProviderContext.Default));
        Assert.Equal(path, e.Path);
    }
}
