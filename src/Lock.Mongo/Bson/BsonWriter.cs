using System.Buffers.Binary;
using System.Text;

namespace Locking;

/// <summary>Builds one BSON document, field by field. Nested documents and arrays are opened and ended in pairs.</summary>
internal sealed class BsonWriter
{
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
    private byte[] _buffer;
    private int _length;

    /// <summary>Where the innermost open document begins. Until it is ended, its length field keeps where the one around it begins.</summary>
    private int _open = -1;

    /// <summary>Begins a document.</summary>
    /// <param name="capacity">Bytes to begin with; it grows.</param>
    public BsonWriter(int capacity = 256)
    {
        _buffer = new byte[capacity];
        Open();
    }

    public BsonWriter String(string name, string value)
    {
        Head(BsonType.String, name);
        int bytes = Utf8.GetByteCount(value);
        BinaryPrimitives.WriteInt32LittleEndian(Take(4), bytes + 1);
        Utf8.GetBytes(value, Take(bytes));
        Take(1)[0] = 0;
        return this;
    }

    public BsonWriter Int32(string name, int value)
    {
        Head(BsonType.Int32, name);
        BinaryPrimitives.WriteInt32LittleEndian(Take(4), value);
        return this;
    }

    public BsonWriter Int64(string name, long value)
    {
        Head(BsonType.Int64, name);
        BinaryPrimitives.WriteInt64LittleEndian(Take(8), value);
        return this;
    }

    public BsonWriter Double(string name, double value)
    {
        Head(BsonType.Double, name);
        BinaryPrimitives.WriteDoubleLittleEndian(Take(8), value);
        return this;
    }

    public BsonWriter Boolean(string name, bool value)
    {
        Head(BsonType.Boolean, name);
        Take(1)[0] = value ? (byte)1 : (byte)0;
        return this;
    }

    /// <summary>A date.</summary>
    /// <param name="name">The field.</param>
    /// <param name="milliseconds">Milliseconds since 1970-01-01 UTC.</param>
    public BsonWriter DateTime(string name, long milliseconds)
    {
        Head(BsonType.DateTime, name);
        BinaryPrimitives.WriteInt64LittleEndian(Take(8), milliseconds);
        return this;
    }

    public BsonWriter Null(string name)
    {
        Head(BsonType.Null, name);
        return this;
    }

    /// <summary>Binary data of the generic subtype (0).</summary>
    public BsonWriter Binary(string name, ReadOnlySpan<byte> value)
    {
        Head(BsonType.Binary, name);
        BinaryPrimitives.WriteInt32LittleEndian(Take(4), value.Length);
        Take(1)[0] = 0;
        value.CopyTo(Take(value.Length));
        return this;
    }

    /// <summary>A field whose value is already encoded.</summary>
    public BsonWriter Raw(BsonType type, string name, ReadOnlySpan<byte> value)
    {
        Head(type, name);
        value.CopyTo(Take(value.Length));
        return this;
    }

    /// <summary>Fields that are already encoded, names and all.</summary>
    public BsonWriter Fields(ReadOnlySpan<byte> fields)
    {
        fields.CopyTo(Take(fields.Length));
        return this;
    }

    public BsonWriter Add(string name, BsonExpression value) => Raw(value.Type, name, value.Value.Span);

    public BsonWriter Document(string name)
    {
        Head(BsonType.Document, name);
        Open();
        return this;
    }

    /// <summary>Opens an array; its items are fields called "0", "1" and so on.</summary>
    public BsonWriter Array(string name)
    {
        Head(BsonType.Array, name);
        Open();
        return this;
    }

    /// <summary>Ends the innermost open document or array.</summary>
    public BsonWriter End()
    {
        Take(1)[0] = 0;
        Span<byte> length = _buffer.AsSpan(_open, 4);
        int outer = BinaryPrimitives.ReadInt32LittleEndian(length);
        BinaryPrimitives.WriteInt32LittleEndian(length, _length - _open);
        _open = outer;
        return this;
    }

    /// <summary>Ends the document and gives its bytes. The writer is used up.</summary>
    public ReadOnlyMemory<byte> ToDocument()
    {
        if (_open != 0) throw new InvalidOperationException(_open < 0 ? "The document is ended already." : "A nested document is still open.");
        End();
        return _buffer.AsMemory(0, _length);
    }

    /// <summary>Ends the document and gives its fields, to be written into others by <see cref="Fields"/>. The writer is used up.</summary>
    public ReadOnlyMemory<byte> ToFields() => ToDocument()[4..^1];

    private void Open()
    {
        int start = _length;
        BinaryPrimitives.WriteInt32LittleEndian(Take(4), _open);
        _open = start;
    }

    private void Head(BsonType type, string name)
    {
        if (name.Contains('\0', StringComparison.Ordinal)) throw new ArgumentException("A BSON field name cannot hold a NUL character.", nameof(name));
        Take(1)[0] = (byte)type;
        Utf8.GetBytes(name, Take(Utf8.GetByteCount(name)));
        Take(1)[0] = 0;
    }

    private Span<byte> Take(int count)
    {
        if (_length + count > _buffer.Length) System.Array.Resize(ref _buffer, Math.Max(_buffer.Length * 2, _length + count));
        Span<byte> taken = _buffer.AsSpan(_length, count);
        _length += count;
        return taken;
    }
}
