using MongoDB.Bson;
using MongoDB.Bson.Serialization;

namespace Locking;

/// <summary>Reads documents, and copies them with changes at every depth.</summary>
internal static class GatewayBson
{
    /// <summary>What stands in a field's place; null: it stays as it is.</summary>
    public delegate BsonValue? Replace(string name, BsonValue value);

    public static BsonDocument Parse(byte[] document) => BsonSerializer.Deserialize<BsonDocument>(document);

    public static byte[] Without(byte[] document, params string[] names)
    {
        BsonDocument parsed = Parse(document);
        foreach (string name in names) parsed.Remove(name);
        return parsed.ToBson();
    }

    public static BsonDocument Copy(BsonDocument document, Replace replace) =>
        new(document.Select(field => new BsonElement(field.Name, replace(field.Name, field.Value) ?? Inside(field.Value, replace))));

    private static BsonValue Inside(BsonValue value, Replace replace) => value switch
    {
        BsonDocument document => Copy(document, replace),
        BsonArray array => new BsonArray(array.Select((item, at) => replace($"{at}", item) ?? Inside(item, replace))),
        _ => value,
    };
}
