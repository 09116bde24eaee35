using MongoDB.Bson;
using MongoDB.Driver;

namespace Locking.Bench.Mongo;

/// <summary>The least that a lock in MongoDB can be: one findAndModify takes it, one update gives it back. No token, owner,
/// counter or look at who is there.</summary>
internal sealed class RawMongoLock(IMongoDatabase database, string collection)
{
    private const long Minute = 60_000;
    private static readonly BsonDocument s_concern = new("w", "majority");

    /// <summary>The index that a lock with an end needs, as the provider has it.</summary>
    public async Task CreateIndexAsync() => await RunAsync(new BsonDocument
    {
        { "createIndexes", collection },
        { "indexes",
            new BsonArray {
                new BsonDocument { { "key", new BsonDocument("purgeAt", 1) }, { "name", "purge" }, { "expireAfterSeconds", 0 } } } },
    });

    /// <summary>Takes the key and gives it back, so many times.</summary>
    public async Task CycleAsync(string key, int operations)
    {
        for (int i = 0; i < operations; i++)
        {
            string id = Guid.NewGuid().ToString();
            await RunAsync(Take(key, id, Now));
            await GiveBackAsync(key, id);
        }
    }

    /// <summary>Takes the key if nobody has it.</summary>
    public async Task<bool> TryTakeAsync(string key, string id)
    {
        try
        {
            await RunAsync(Take(key, id, Now));
            return true;
        }
        catch (MongoCommandException exception) when (exception.Code == 11000)
        {
            return false;
        }
    }

    public Task GiveBackAsync(string key, string id) => RunAsync(GiveBack(key, id, Now));

    private static long Now => TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();

    private BsonDocument Take(string key, string id, long now) => new()
    {
        { "findAndModify", collection },
        { "query", new BsonDocument { { "_id", key },
            { "expiresAt", new BsonDocument("$not", new BsonDocument("$gt", new BsonDateTime(now))) } } },
        { "update", new BsonDocument("$set",
            new BsonDocument { { "holder", id }, { "expiresAt", new BsonDateTime(now + Minute) },
                { "purgeAt", new BsonDateTime(now + Minute) } }) },
        { "upsert", true },
        { "new", true },
        { "writeConcern", s_concern },
    };

    private BsonDocument GiveBack(string key, string id, long now) => new()
    {
        { "update", collection },
        {
            "updates", new BsonArray
            {
                new BsonDocument
                {
                    { "q", new BsonDocument { { "_id", key }, { "holder", id } } },
                    { "u", new BsonDocument("$set",
                        new BsonDocument { { "holder", BsonNull.Value }, { "expiresAt", BsonNull.Value },
                            { "purgeAt", new BsonDateTime(now) } }) },
                },
            }
        },
        { "writeConcern", s_concern },
    };

    private Task RunAsync(BsonDocument command) => database.RunCommandAsync<BsonDocument>(command);
}
