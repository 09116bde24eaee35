namespace Locking;

/// <summary>The documents in a reply of aggregate or find that has them all.</summary>
internal static class MongoDocuments
{
    /// <summary>Reads the reply.</summary>
    /// <exception cref="BsonFormatException">It is malformed.</exception>
    public static IReadOnlyList<MongoLockDocument> Parse(ReadOnlySpan<byte> reply)
    {
        if (!BsonReader.TryFind(reply, "cursor"u8, out BsonElement cursor)) throw new BsonFormatException("The reply has no cursor.");
        var documents = new List<MongoLockDocument>();
        if (!BsonReader.TryFind(cursor.AsDocument(), "firstBatch"u8, out BsonElement batch)) throw new BsonFormatException("The reply has no batch.");
        var items = new BsonReader(batch.AsDocument());
        while (items.Read()) documents.Add(MongoLockDocument.Parse(items.Current.AsDocument()));
        return documents;
    }
}
