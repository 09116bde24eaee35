using MongoDB.Bson;

namespace Locking;

/// <summary>One index of the collection.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Fields">Its fields, in order.</param>
/// <param name="ExpireAfter">With how many seconds added to its field's date it removes documents; null: it removes none.</param>
/// <param name="IsUnique">It allows each value once.</param>
/// <param name="IsPartial">It sees some of the documents only.</param>
internal sealed record MongoIndexFact(string Name, IReadOnlyList<string> Fields, long? ExpireAfter, bool IsUnique, bool IsPartial)
{
    /// <summary>The index that the backend wants: it removes counters whose retention is over, and nothing else.</summary>
    public bool IsPurgeIndex => IsOnPurgeAt && ExpireAfter == 0 && !IsPartial;

    public bool IsOnPurgeAt => Fields is ["purgeAt"];

    /// <summary>The command that asks for all.</summary>
    public static BsonDocument List(string collection) =>
        new() { { "listIndexes", collection }, { "cursor", new BsonDocument("batchSize", 1000) } };

    /// <summary>Reads the reply to <c>listIndexes</c>.</summary>
    /// <exception cref="FormatException">It is malformed.</exception>
    public static IReadOnlyList<MongoIndexFact> Parse(BsonDocument reply) => [.. reply.Batch().Select(ParseOne)];

    private static MongoIndexFact ParseOne(BsonDocument index) => new(
        index.Text("name"),
        index.GetValue("key", BsonNull.Value) is BsonDocument key ? [.. key.Names] : [],
        index.GetValue("expireAfterSeconds", BsonNull.Value).IsNumeric ? index.Long("expireAfterSeconds") : null,
        index.Flag("unique"),
        index.Contains("partialFilterExpression"));
}
