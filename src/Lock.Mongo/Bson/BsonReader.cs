using System.Buffers.Binary;

namespace Locking;

/// <summary>Walks over the fields of one BSON document. Checks every length before it follows it; nothing is copied.</summary>
internal ref struct BsonReader
{
    private ReadOnlySpan<byte> _rest;

    /// <summary>Starts in front of the first field.</summary>
    /// <exception cref="BsonFormatException">The length field does not agree with the bytes.</exception>
    public BsonReader(ReadOnlySpan<byte> document)
    {
        if (document.Length < 5) throw new BsonFormatException($"A BSON document has at least 5 bytes; {document.Length} came.");
        int length = BinaryPrimitives.ReadInt32LittleEndian(document);
        if (length != document.Length) throw new BsonFormatException($"A BSON document says that it has {length} bytes; {document.Length} came.");
        if (document[^1] != 0) throw new BsonFormatException("A BSON document does not end in a zero byte.");
        _rest = document[4..];
    }

    public BsonElement Current { get; private set; }

    /// <summary>Goes to the next field.</summary>
    /// <exception cref="BsonFormatException">The next field is malformed.</exception>
    public bool Read()
    {
        byte type = _rest[0];
        if (type == 0)
        {
            if (_rest.Length != 1) throw new BsonFormatException("A BSON document ends before its length.");
            return false;
        }

        ReadOnlySpan<byte> afterType = _rest[1..];
        int nameLength = afterType.IndexOf((byte)0);
        if (nameLength < 0 || nameLength + 1 >= afterType.Length) throw new BsonFormatException("A BSON document ends inside a field.");
        ReadOnlySpan<byte> name = afterType[..nameLength];
        ReadOnlySpan<byte> value = afterType[(nameLength + 1)..];
        int length = BsonLengths.Of((BsonType)type, value);
        // One byte must remain behind each value: the document's own end.
        if (length < 0 || length >= value.Length) throw new BsonFormatException("A BSON value is longer than its document.");
        Current = new BsonElement((BsonType)type, name, value[..length]);
        _rest = value[length..];
        return true;
    }

    /// <summary>Looks for a field by name; the first one of that name counts.</summary>
    public static bool TryFind(ReadOnlySpan<byte> document, ReadOnlySpan<byte> name, out BsonElement element)
    {
        var reader = new BsonReader(document);
        while (reader.Read())
        {
            if (!reader.Current.Name.SequenceEqual(name)) continue;
            element = reader.Current;
            return true;
        }

        element = default;
        return false;
    }
}
