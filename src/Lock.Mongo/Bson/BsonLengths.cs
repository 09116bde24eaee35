using System.Buffers.Binary;

namespace Locking;

/// <summary>How many bytes a value takes.</summary>
internal static class BsonLengths
{
    /// <summary>Reads the length that a value of this type gives itself.</summary>
    /// <returns>The length, or -1 when the bytes end too early to tell.</returns>
    /// <exception cref="BsonFormatException">The type is unknown or the value's own length is impossible.</exception>
    public static int Of(BsonType type, ReadOnlySpan<byte> value) => type switch
    {
        BsonType.Double or BsonType.DateTime or BsonType.Timestamp or BsonType.Int64 => 8,
        BsonType.Int32 => 4,
        BsonType.Boolean => 1,
        BsonType.ObjectId => 12,
        BsonType.Decimal128 => 16,
        BsonType.Undefined or BsonType.Null or BsonType.MinKey or BsonType.MaxKey => 0,
        BsonType.String or BsonType.JavaScript or BsonType.Symbol => Prefixed(value, overhead: 4, least: 1),
        BsonType.DbPointer => Prefixed(value, overhead: 16, least: 1),
        BsonType.Binary => Prefixed(value, overhead: 5, least: 0),
        BsonType.Document or BsonType.Array => Prefixed(value, overhead: 0, least: 5),
        BsonType.JavaScriptWithScope => Prefixed(value, overhead: 0, least: 14),
        BsonType.Regex => TwoStrings(value),
        _ => throw new BsonFormatException($"0x{(byte)type:x2} is not a BSON type."),
    };

    private static int Prefixed(ReadOnlySpan<byte> value, int overhead, int least)
    {
        if (value.Length < 4) return -1;
        int length = BinaryPrimitives.ReadInt32LittleEndian(value);
        if (length < least) throw new BsonFormatException($"A BSON value has the length {length}; at least {least} is needed.");
        return length > value.Length ? -1 : length + overhead;
    }

    private static int TwoStrings(ReadOnlySpan<byte> value)
    {
        int first = value.IndexOf((byte)0);
        if (first < 0) return -1;
        int second = value[(first + 1)..].IndexOf((byte)0);
        return second < 0 ? -1 : first + second + 2;
    }
}
