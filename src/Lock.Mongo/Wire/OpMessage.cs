using System.Buffers.Binary;

namespace Locking;

/// <summary>
/// The one message of MongoDB's wire protocol that is still in use (OP_MSG): a header of four little-endian numbers (length, request id,
/// id answered to, operation), flags, and one section with a document.
/// </summary>
internal static class OpMessage
{
    public const int HeaderLength = 16;

    /// <summary>What MongoDB allows a message to have, in bytes.</summary>
    public const int MaxLength = 48_000_000;

    private const int OpCode = 2013;
    private const int ChecksumPresent = 1;
    private const int MoreToCome = 2;
    private const int RequiredFlags = 0xFFFF;

    /// <summary>Wraps a command. The database travels in the command's own document, as its last field <c>$db</c>.</summary>
    /// <exception cref="BsonFormatException">The command is no BSON document, or too large.</exception>
    public static byte[] Encode(int requestId, string database, ReadOnlySpan<byte> command)
    {
        _ = new BsonReader(command);
        ReadOnlySpan<byte> last = new BsonWriter().String("$db", database).ToDocument().Span[4..];
        int documentLength = command.Length - 1 + last.Length;
        int length = HeaderLength + 5 + documentLength;
        if (length > MaxLength) throw new BsonFormatException($"The command has {length} bytes; a message may have {MaxLength}.");

        var message = new byte[length];
        Span<byte> at = message;
        BinaryPrimitives.WriteInt32LittleEndian(at, length);
        BinaryPrimitives.WriteInt32LittleEndian(at[4..], requestId);
        BinaryPrimitives.WriteInt32LittleEndian(at[12..], OpCode);
        at = at[(HeaderLength + 5)..];
        BinaryPrimitives.WriteInt32LittleEndian(at, documentLength);
        command[4..^1].CopyTo(at[4..]);
        last.CopyTo(at[(command.Length - 1)..]);
        return message;
    }

    /// <summary>Checks a reply's header.</summary>
    /// <returns>How many bytes follow it.</returns>
    /// <exception cref="BsonFormatException">This is no reply to that request, or larger than allowed.</exception>
    public static int DecodeHeader(ReadOnlySpan<byte> header, int requestId)
    {
        int length = BinaryPrimitives.ReadInt32LittleEndian(header);
        int answersTo = BinaryPrimitives.ReadInt32LittleEndian(header[8..]);
        int operation = BinaryPrimitives.ReadInt32LittleEndian(header[12..]);
        if (operation != OpCode) throw new BsonFormatException($"The reply has the operation {operation}; {OpCode} (OP_MSG) was expected. Is this a MongoDB server?");
        if (length is < HeaderLength + 10 or > MaxLength) throw new BsonFormatException($"The reply says that it has {length} bytes; {HeaderLength + 10} to {MaxLength} are allowed.");
        if (answersTo != requestId) throw new BsonFormatException($"The reply answers request {answersTo}; {requestId} was asked.");
        return length - HeaderLength;
    }

    /// <summary>Takes the document out of what follows a reply's header.</summary>
    /// <exception cref="BsonFormatException">The message holds something else than one document.</exception>
    public static ReadOnlyMemory<byte> DecodeBody(ReadOnlyMemory<byte> body)
    {
        int flags = BinaryPrimitives.ReadInt32LittleEndian(body.Span);
        if ((flags & MoreToCome) != 0 || (flags & RequiredFlags & ~ChecksumPresent) != 0) throw new BsonFormatException($"The reply has the flags 0x{flags:x}, which were not asked for.");
        // A checksum is allowed, not asked for; TCP and TLS have theirs.
        ReadOnlyMemory<byte> section = (flags & ChecksumPresent) != 0 ? body[4..^4] : body[4..];
        if (section.Length < 6) throw new BsonFormatException("The reply ends before its document.");
        if (section.Span[0] != 0) throw new BsonFormatException($"The reply has a section of kind {section.Span[0]}; 0 was expected.");
        ReadOnlyMemory<byte> document = section[1..];
        _ = new BsonReader(document.Span);
        return document;
    }
}
