using MongoDB.Bson;
using Npgsql;

namespace Locking;

/// <summary>The TTL index, and tokens that go on when the counter is gone.</summary>
public sealed class MongoPurgeTests(MongoServer server) : IClassFixture<MongoServer>
{
    private readonly string _a = TestStore.NewId();

    [Fact]
    public async Task Many_starters_make_one_index()
    {
        string collection = MongoServer.NewCollection();
        List<TestStore> stores = Enumerable.Range(0, 12).Select(_ => new TestStore(server.Uri, collection)).ToList();
        await Task.WhenAll(stores.Select((store, i) => store.AcquireAsync($"k{i}", TestStore.NewId()).AsTask()));
        BsonDocument reply = await stores[0].CommandAsync(new("listIndexes", collection));
        Assert.Equal(["_id_", MongoPurgeIndex.Name], MongoIndexFact.Parse(reply).Select(index => index.Name).Order());
        foreach (TestStore store in stores) await store.DisposeAsync();
    }

    [Fact]
    public async Task An_index_with_other_options_is_named()
    {
        await using var store = new TestStore(server.Uri);
        await CreateIndexAsync(store, "mine", 3600);
        LockStoreException exception = await Assert.ThrowsAsync<LockStoreException>(() => store.AcquireAsync("k", _a).AsTask());
        Assert.False(exception.IsTransient);
        Assert.False(exception.MayHaveBeenApplied);
        Assert.Contains("'mine' on purgeAt with expireAfterSeconds 3600", exception.Message, StringComparison.Ordinal);
        Assert.Contains("expireAfterSeconds 0", exception.Message, StringComparison.Ordinal);
        Assert.Contains("Drop that index", exception.Message, StringComparison.Ordinal);

        await store.CommandAsync(new("drop", store.Settings.Collection));
        Assert.True((await store.AcquireAsync("k", _a)).IsGranted);
    }

    [Fact]
    public async Task An_index_of_our_name_on_other_fields_is_named()
    {
        await using var store = new TestStore(server.Uri);
        await store.CreateIndexAsync(MongoPurgeIndex.Name, "colour");
        LockStoreException exception = await Assert.ThrowsAsync<LockStoreException>(() => store.AcquireAsync("k", _a).AsTask());
        Assert.False(exception.IsTransient);
        Assert.False(exception.MayHaveBeenApplied);
        Assert.Contains("'lock_purgeAt' on other fields", exception.Message, StringComparison.Ordinal);
        Assert.Contains("Drop that index, or choose another connection.collection", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_right_index_under_another_name_serves()
    {
        await using var store = new TestStore(server.Uri);
        await CreateIndexAsync(store, "mine", 0);
        Assert.True((await store.AcquireAsync("k", _a)).IsGranted);
    }

    [Fact]
    public async Task Counters_outlive_the_lock_by_the_retention()
    {
        await using var store = new TestStore(server.Uri);
        await store.AcquireAsync("held", _a, TimeSpan.FromMinutes(5));
        await store.AcquireAsync("endless", _a, Timeout.InfiniteTimeSpan);
        await store.AcquireAsync("released", _a);
        await store.ReleaseAsync("released", _a);
        Assert.Equal(65, await MinutesToPurgeAsync(store, "held"));
        Assert.True(await MinutesToPurgeAsync(store, "endless") > TimeSpan.FromDays(365_000).TotalMinutes);
        Assert.Equal(60, await MinutesToPurgeAsync(store, "released"));
    }

    [Fact]
    public async Task Tokens_rise_when_the_counter_was_purged()
    {
        // The engine's own purge, run at once: this test needs the gateway's engine.
        await using var store = new TestStore(server.Gateway.Uri, change: s => s with { FenceRetention = TimeSpan.Zero });
        AcquireReply first = await store.AcquireAsync("k", _a);
        await store.AcquireAsync("held", _a);
        await store.AcquireAsync("endless", _a, Timeout.InfiniteTimeSpan);
        await store.ReleaseAsync("k", _a);
        await using (NpgsqlCommand purge = server.Gateway.Engine.CreateCommand("CALL documentdb_api_internal.delete_expired_rows()"))
        {
            for (int i = 0; i < 100 && await store.DocumentAsync("k") is not null; i++) await purge.ExecuteNonQueryAsync();
        }

        Assert.Null(await store.DocumentAsync("k"));
        Assert.NotNull(await store.DocumentAsync("held"));
        Assert.NotNull(await store.DocumentAsync("endless"));
        Assert.True((await store.AcquireAsync("k", _a)).FencingToken > first.FencingToken);
    }

    [Fact]
    public async Task Tokens_rise_when_the_servers_clock_steps_back()
    {
        await using MongoGateway gateway = server.StartGateway();
        await using var store = new TestStore(gateway.Uri);
        long last = 0;
        foreach (int minutes in new[] { 30, 0, -30, 10 })
        {
            gateway.ClockOffset = TimeSpan.FromMinutes(minutes);
            AcquireReply reply = await store.AcquireAsync("k", _a);
            Assert.True(reply.FencingToken > last);
            last = reply.FencingToken!.Value;
            Assert.Equal(StoreReply.Done, await store.ReleaseAsync("k", _a));
        }
    }

    private static Task CreateIndexAsync(TestStore store, string name, int seconds) =>
        store.CreateIndexAsync(name, "purgeAt", new("expireAfterSeconds", seconds));

    private static async Task<double> MinutesToPurgeAsync(TestStore store, string key)
    {
        BsonDocument document = (await store.DocumentAsync(key))!;
        TimeSpan left = DateTimeOffset.FromUnixTimeMilliseconds(
            document["purgeAt"].AsBsonDateTime.MillisecondsSinceEpoch) - TimeProvider.System.GetUtcNow();
        return Math.Ceiling(left.TotalMinutes);
    }
}
