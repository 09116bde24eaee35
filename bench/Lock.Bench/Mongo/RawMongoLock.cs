namespace Locking.Bench.Mongo;

/// <summary>The least that a lock in MongoDB can be: one findAndModify takes it, one update gives it back. No token, owner, counter or look at who is there.</summary>
internal sealed class RawMongoLock(IMongoCommandRunner client, string database, string collection)
{
    private const long Minute = 60_000;

    /// <summary>The index that a lock with an end needs, as the provider has it.</summary>
    public async Task CreateIndexAsync() => await RunAsync(new BsonWriter().String("createIndexes", collection)
        .Array("indexes").Document("0").Document("key").Int32("purgeAt", 1).End().String("name", "purge").Int32("expireAfterSeconds", 0).End().End());

    /// <summary>Takes the key and gives it back, so many times.</summary>
    public async Task CycleAsync(string key, int operations)
    {
        for (var i = 0; i < operations; i++)
        {
            var id = Guid.NewGuid().ToString();
            var now = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
            await RunAsync(Take(key, id, now));
            await RunAsync(GiveBack(key, id, now));
        }
    }

    private BsonWriter Take(string key, string id, long now) => Concern(new BsonWriter()
        .String("findAndModify", collection)
        .Document("query").String("_id", key).Document("expiresAt").Document("$not").DateTime("$gt", now).End().End().End()
        .Document("update").Document("$set").String("holder", id).DateTime("expiresAt", now + Minute).DateTime("purgeAt", now + Minute).End().End()
        .Boolean("upsert", true).Boolean("new", true));

    private BsonWriter GiveBack(string key, string id, long now) => Concern(new BsonWriter()
        .String("update", collection).Array("updates").Document("0")
        .Document("q").String("_id", key).String("holder", id).End()
        .Document("u").Document("$set").Null("holder").Null("expiresAt").DateTime("purgeAt", now).End().End()
        .End().End());

    private static BsonWriter Concern(BsonWriter command) => command.Document("writeConcern").String("w", "majority").End();

    private async Task RunAsync(BsonWriter command)
    {
        var reply = await client.RunAsync(database, command.ToDocument(), CancellationToken.None);
        MongoReply.ThrowIfNotOk(reply.Span);
    }
}
