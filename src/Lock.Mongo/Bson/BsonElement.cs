using System.Buffers.Binary;
using System.Text;

namespace Locking;

/// <summary>One field of a BSON document. The getters check the type and the value.</summary>
internal readonly ref struct BsonElement(BsonType type, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
{
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public BsonType Type { get; } = type;

    public ReadOnlySpan<byte> Name { get; } = name;

    /// <summary>The encoded value.</summary>
    public ReadOnlySpan<byte> Value { get; } = value;

    public string NameText => Encoding.UTF8.GetString(Name);

    public bool Is(ReadOnlySpan<byte> name) => Name.SequenceEqual(name);

    public string AsString()
    {
        Expect(BsonType.String);
        if (Value[^1] != 0) throw new BsonFormatException($"The string '{NameText}' does not end in a zero byte.");
        try
        {
            return Utf8.GetString(Value[4..^1]);
        }
        catch (DecoderFallbackException e)
        {
            throw new BsonFormatException($"The string '{NameText}' is not UTF-8.", e);
        }
    }

    /// <summary>A whole number, whatever its BSON type; servers send int32, int64 and double for the same field.</summary>
    public long AsNumber() => Type switch
    {
        BsonType.Int32 => BinaryPrimitives.ReadInt32LittleEndian(Value),
        BsonType.Int64 => BinaryPrimitives.ReadInt64LittleEndian(Value),
        BsonType.Double when double.IsFinite(AsDouble()) => (long)Math.Floor(AsDouble()),
        _ => throw Unexpected("a number"),
    };

    /// <summary>A yes or no; servers send booleans and numbers for the same field.</summary>
    public bool AsFlag() => Type == BsonType.Boolean
        ? Value[0] <= 1 ? Value[0] == 1 : throw new BsonFormatException($"The boolean '{NameText}' is {Value[0]}; 0 and 1 are allowed.")
        : AsNumber() != 0;

    /// <summary>A date in the server's unit.</summary>
    /// <returns>Milliseconds since 1970-01-01 UTC.</returns>
    public long AsDateTime()
    {
        Expect(BsonType.DateTime);
        return BinaryPrimitives.ReadInt64LittleEndian(Value);
    }

    public double AsDouble()
    {
        Expect(BsonType.Double);
        return BinaryPrimitives.ReadDoubleLittleEndian(Value);
    }

    public ReadOnlySpan<byte> AsBinary()
    {
        Expect(BsonType.Binary);
        return Value[5..];
    }

    /// <summary>A nested document or array, to be read by a <see cref="BsonReader"/>.</summary>
    public ReadOnlySpan<byte> AsDocument() => Type is BsonType.Document or BsonType.Array ? Value : throw Unexpected("a document");

    private void Expect(BsonType type)
    {
        if (Type != type) throw Unexpected($"a {type}");
    }

    private BsonFormatException Unexpected(string wanted) => new($"The field '{NameText}' is a {Type}; {wanted} was expected.");
}
