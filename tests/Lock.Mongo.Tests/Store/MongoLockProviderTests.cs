using MongoDB.Bson;
using MongoDB.Driver;

namespace Locking;

public sealed class MongoLockProviderTests(MongoServer server) : IClassFixture<MongoServer>
{
    [Fact]
    public async Task A_store_is_made_from_a_configuration_alone()
    {
        var provider = new MongoLockProvider();
        LockConfig config = provider.Settings.Write(new LockConfig { Type = "mongo" }, new MongoLockSettings
        {
            Url = server.Uri, Database = "lock_tests", Collection = server.SharedCollection, KeyPrefix = "p:", FenceRetention =
                TimeSpan.FromMinutes(2),
        });
        await using ILockStore store = provider.CreateStore(config, LockProviderContext.Default);
        Assert.Equal("mongo", store.Type);
        string id = TestStore.NewId();
        Assert.True((await store.TryAcquireAsync(new AcquireRequest("k", id, "me", TimeSpan.FromSeconds(5)), default)).IsGranted);
        Assert.Equal(StoreReply.Done, await store.TryReleaseAsync("k", id, default));
    }

    [Fact]
    public async Task An_applications_own_client_is_used_and_left_open()
    {
        using var client = new MongoClient(server.Uri);
        var config = new MongoLockSettings { Database = "lock_tests", Collection = server.SharedCollection };
        ILockStore store = new MongoLockProvider(client).CreateStore(config, null, LockProviderContext.Default);
        Assert.Null(await store.GetAsync("k", default));
        await store.DisposeAsync();
        Assert.Equal(1, (await client.GetDatabase("admin").RunCommandAsync<BsonDocument>(new BsonDocument("ping", 1)))["ok"].ToInt32());
        LockConfigException exception = Assert.Throws<LockConfigException>(() => new MongoLockProvider(client).CreateStore(
            new MongoLockSettings { Host = "h" }, null, LockProviderContext.Default));
        Assert.Equal("connection.host", exception.Path);
    }

    public static TheoryData<string, MongoLockSettings> BadConnections => new()
    {
        { "connection.url", new MongoLockSettings { Url = "redis://h" } },
        { "connection.url", new MongoLockSettings { Url = "mongodb://h/?colour=red" } },
        { "connection", new MongoLockSettings { Url = "mongodb://h", Host = "h" } },
        { "connection", new MongoLockSettings { Url = "mongodb://h", Port = 1 } },
        { "connection.host", new MongoLockSettings { Host = "a,b" } },
        { "connection.host", new MongoLockSettings { Host = "" } },
        { "connection.database", new MongoLockSettings { Database = "a.b" } },
        { "connection.database", new MongoLockSettings { Database = "" } },
        { "connection.collection", new MongoLockSettings { Collection = "a$b" } },
        { "connection.collection", new MongoLockSettings { Collection = "system.locks" } },
        { "connection.writeConcern", new MongoLockSettings { WriteConcern = "most" } },
        { "connection.writeConcern", new MongoLockSettings { WriteConcern = "0" } },
        { "connection.password", new MongoLockSettings { Password = "s3cret" } },
        { "connection.password", new MongoLockSettings { Url = "mongodb://u:s3cret1@h", Password = "s3cret2" } },
        { "connection.username", new MongoLockSettings { Url = "mongodb://u:s3cret@h", Username = "v" } },
        { "connection.tls", new MongoLockSettings { Url = "mongodb://h/?tls=true", Tls = false } },
    };

    [Theory]
    [MemberData(nameof(BadConnections))]
    public void A_bad_connection_is_named_without_its_secret(string path, MongoLockSettings connection)
    {
        LockConfigException exception = Assert.Throws<LockConfigException>(
            () => new MongoLockProvider().CreateStore(connection, null, LockProviderContext.Default));
        Assert.Equal(path, exception.Path);
        Assert.DoesNotContain("s3cret", exception.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_wait_for_notices_is_refused()
    {
        LockConfigException exception = Assert.Throws<LockConfigException>(
            () => new MongoLockProvider().CreateStore(new MongoLockSettings(), new LockOptions { Wait = WaitMode.Notify }));
        Assert.Equal("lockOptions.wait", exception.Path);
    }
}
