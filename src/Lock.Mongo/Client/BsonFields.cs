using MongoDB.Bson;

namespace Locking;

/// <summary>Reads fields whatever their type is: what a server or somebody else's document says is not ours to trust.</summary>
internal static class BsonFields
{
    public static string Text(this BsonDocument document, string name) =>
        document.GetValue(name, BsonNull.Value) is BsonString text ? text.Value : "";

    public static bool Flag(this BsonDocument document, string name) => document.GetValue(name, BsonNull.Value) switch
    {
        BsonBoolean flag => flag.Value,
        { IsNumeric: true } number => number.ToDouble() != 0,
        _ => false,
    };

    public static int Int(this BsonDocument document, string name) => (int)Math.Clamp(document.Long(name), int.MinValue, int.MaxValue);

    /// <summary>A number as a whole one; 0 when it is none.</summary>
    public static long Long(this BsonDocument document, string name) => document.GetValue(name, BsonNull.Value) switch
    {
        BsonInt64 number => number.Value,
        BsonInt32 number => number.Value,
        BsonDouble number => (long)number.Value,
        BsonDecimal128 number => Whole(number.Value),
        _ => 0,
    };

    /// <summary>The documents in a reply of aggregate, find or listIndexes that has them all.</summary>
    /// <exception cref="FormatException">It has none.</exception>
    public static IEnumerable<BsonDocument> Batch(this BsonDocument reply) =>
        reply.GetValue("cursor", BsonNull.Value) is BsonDocument cursor && cursor.GetValue("firstBatch", BsonNull.Value) is BsonArray batch
            ? batch.OfType<BsonDocument>()
            : throw new FormatException("The reply has no cursor with a batch.");

    private static long Whole(Decimal128 value)
    {
        try
        {
            return Decimal128.ToInt64(value);
        }
        catch (OverflowException)
        {
            return 0;
        }
    }
}
