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

    /// <summary>Reads the reply to <c>listIndexes</c>.</summary>
    /// <exception cref="BsonFormatException">It is malformed.</exception>
    public static IReadOnlyList<MongoIndexFact> Parse(ReadOnlySpan<byte> reply)
    {
        var all = new List<MongoIndexFact>();
        if (!BsonReader.TryFind(reply, "cursor"u8, out BsonElement cursor) || !BsonReader.TryFind(cursor.AsDocument(), "firstBatch"u8, out BsonElement batch)) return all;
        var items = new BsonReader(batch.AsDocument());
        while (items.Read()) all.Add(ParseOne(items.Current.AsDocument()));
        return all;
    }

    private static MongoIndexFact ParseOne(ReadOnlySpan<byte> index)
    {
        string name = "";
        var fields = new List<string>();
        long? expireAfter = null;
        bool unique = false;
        bool partial = false;
        var reader = new BsonReader(index);
        while (reader.Read())
        {
            BsonElement field = reader.Current;
            if (field.Is("name"u8)) name = field.AsString();
            else if (field.Is("key"u8)) AddNames(field.AsDocument(), fields);
            else if (field.Is("expireAfterSeconds"u8)) expireAfter = field.AsNumber();
            else if (field.Is("unique"u8)) unique = field.AsFlag();
            else if (field.Is("partialFilterExpression"u8)) partial = true;
        }

        return new MongoIndexFact(name, fields, expireAfter, unique, partial);
    }

    private static void AddNames(ReadOnlySpan<byte> key, List<string> fields)
    {
        var reader = new BsonReader(key);
        while (reader.Read()) fields.Add(reader.Current.NameText);
    }
}
