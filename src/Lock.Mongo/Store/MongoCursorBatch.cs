namespace Locking;

/// <summary>One batch of a cursor.</summary>
/// <param name="Cursor">To ask for more; 0: there is no more.</param>
/// <param name="Documents">What came.</param>
internal sealed record MongoCursorBatch(long Cursor, IReadOnlyList<MongoLockDocument> Documents)
{
    /// <summary>Reads the reply of aggregate, find or getMore.</summary>
    /// <exception cref="BsonFormatException">It is malformed.</exception>
    public static MongoCursorBatch Parse(ReadOnlySpan<byte> reply)
    {
        if (!BsonReader.TryFind(reply, "cursor"u8, out BsonElement cursor)) throw new BsonFormatException("The reply has no cursor.");
        long id = 0;
        var documents = new List<MongoLockDocument>();
        var reader = new BsonReader(cursor.AsDocument());
        while (reader.Read())
        {
            BsonElement field = reader.Current;
            if (field.Is("id"u8)) id = field.AsNumber();
            else if (field.Is("firstBatch"u8) || field.Is("nextBatch"u8)) AddAll(field, documents);
        }

        return new MongoCursorBatch(id, documents);
    }

    private static void AddAll(BsonElement batch, List<MongoLockDocument> documents)
    {
        var items = new BsonReader(batch.AsDocument());
        while (items.Read()) documents.Add(MongoLockDocument.Parse(items.Current.AsDocument()));
    }
}
