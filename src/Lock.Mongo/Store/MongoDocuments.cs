using MongoDB.Bson;

namespace Locking;

/// <summary>The documents in a reply of aggregate or find that has them all.</summary>
internal static class MongoDocuments
{
    /// <summary>Reads the reply.</summary>
    /// <exception cref="FormatException">It is malformed.</exception>
    public static IReadOnlyList<MongoLockDocument> Parse(BsonDocument reply) => [.. reply.Batch().Select(MongoLockDocument.Parse)];
}
