using MongoDB.Bson;

namespace Locking;

/// <summary>Reads who holds what. Changes nothing.</summary>
internal sealed class MongoLookUps(MongoStoreSettings settings, MongoLockCommands commands)
{
    /// <summary>The key's document, or null where it has none.</summary>
    public async ValueTask<MongoLockDocument?> ReadAsync(string key, MongoStep step)
    {
        (BsonDocument reply, _) = await step.SendAsync(commands.Get(key), "the look-up of", key).ConfigureAwait(false);
        IReadOnlyList<MongoLockDocument> documents = MongoDocuments.Parse(reply);
        return documents.Count == 0 ? null : documents[0];
    }

    /// <summary>One page of a listing, as <see cref="MongoLockCommands.List"/> has it.</summary>
    public async ValueTask<IReadOnlyList<MongoLockDocument>> PageAsync(string prefix, string? after, MongoStep step)
    {
        (BsonDocument reply, _) = await step.SendAsync(commands.List(prefix, after), "the listing of locks").ConfigureAwait(false);
        return MongoDocuments.Parse(reply);
    }

    /// <summary>A document as the contract shows it; null where nobody holds the lock.</summary>
    public LockInfo? Info(MongoLockDocument? document) =>
        document is { IsLive: true, Token: > 0 } && document.Id.StartsWith(settings.KeyPrefix, StringComparison.Ordinal)
            ? new LockInfo(document.Id[settings.KeyPrefix.Length..], document.Holder!, document.Owner, document.Token, document.Left)
            : null;
}
