using MongoDB.Bson;

namespace Locking;

/// <summary>What makes a lock's document a duplicate, where it is not another contender: each is told as what it is.</summary>
internal sealed class MongoObstacles(MongoStoreSettings settings, MongoLockCommands commands)
{
    /// <summary>A duplicate in another field than <c>_id</c> is one of somebody's unique index.</summary>
    /// <param name="key">The key.</param>
    /// <param name="refusal">What the server said.</param>
    public void ThrowIfNotOfKey(string key, BsonDocument refusal)
    {
        if (refusal.GetValue("keyPattern", BsonNull.Value) is BsonDocument pattern && pattern.ElementCount > 0
            && pattern.GetElement(0).Name != "_id")
            throw Unique(key, $"on {string.Join(" and ", pattern.Names)}");
    }

    /// <summary>What stands at the key may be no lock.</summary>
    public async ValueTask ThrowIfForeignAsync(string key, MongoStep step)
    {
        (BsonDocument reply, _) = await step.SendAsync(commands.Look(key), "the look at", key).ConfigureAwait(false);
        if (reply.Batch().FirstOrDefault() is not { } found || MongoLockDocument.ProblemOf(found) is not { } problem) return;
        throw MongoFailure.Create(
            $"The document '{settings.KeyPrefix}{key}' in {settings.Database}.{settings.Collection} is not a lock ({problem}); it was "
                + "left as it is. Choose another connection.collection or lockOptions.keyPrefix.",
            isTransient: false, mayHaveRun: false);
    }

    /// <summary>Servers that do not say which index has the duplicate are asked for all.</summary>
    public async ValueTask ThrowIfUniqueAsync(string key, MongoStep step)
    {
        (BsonDocument reply, _) =
            await step.SendAsync(MongoIndexFact.List(settings.Collection), "the look at the indexes for", key).ConfigureAwait(false);
        if (MongoIndexFact.Parse(reply).FirstOrDefault(index => index is { IsUnique: true } && index.Fields is not ["_id"]) is { } index)
            throw Unique(key, $"'{index.Name}' on {string.Join(" and ", index.Fields)}");
    }

    private LockStoreException Unique(string key, string index) => MongoFailure.Create(
        $"The collection {settings.Database}.{settings.Collection} has a unique index {index}: the document of the lock '{key}' is a "
            + "duplicate of another one there, and cannot be made. Drop that index, or choose another connection.collection.",
        isTransient: false, mayHaveRun: false);
}
