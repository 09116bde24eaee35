using System.Buffers.Binary;

namespace Locking;

public sealed class OpMessageTests
{
    private static readonly byte[] Command = new BsonWriter().Int32("ping", 1).ToDocument().ToArray();

    [Fact]
    public void A_command_is_framed_as_the_protocol_says()
    {
        // length, request id 7, answers 0, OP_MSG 2013, flags 0, section kind 0, then {ping: 1, $db: "admin"}
        Assert.Equal(
            "33000000" + "07000000" + "00000000" + "DD070000" + "00000000" + "00" + "1E000000" + "1070696E670001000000" + "02246462000600000061646D696E00" + "00",
            Convert.ToHexString(OpMessage.Encode(7, "admin", Command)));
    }

    [Fact]
    public void A_reply_is_unframed()
    {
        byte[] frame = Reply(7);
        Assert.Equal(frame.Length - 16, OpMessage.DecodeHeader(frame, 7));
        Assert.True(OpMessage.DecodeBody(frame.AsMemory(16)).Span.SequenceEqual(Command));
    }

    [Fact]
    public void A_checksum_is_stepped_over()
    {
        byte[] frame = [.. Reply(7), 1, 2, 3, 4];
        frame[16] = 1;
        Assert.True(OpMessage.DecodeBody(frame.AsMemory(16)).Span.SequenceEqual(Command));
    }

    [Theory]
    [InlineData(0, 15, "15 bytes")]
    [InlineData(0, 25, "25 bytes")]
    [InlineData(0, -1, "-1 bytes")]
    [InlineData(0, 48_000_001, "48000001 bytes")]
    [InlineData(8, 6, "answers request 6")]
    [InlineData(12, 1, "operation 1;")]
    public void A_bad_header_is_refused(int at, int value, string expected)
    {
        byte[] frame = Reply(7);
        BinaryPrimitives.WriteInt32LittleEndian(frame.AsSpan(at), value);
        Assert.Contains(expected, Assert.Throws<BsonFormatException>(() => OpMessage.DecodeHeader(frame, 7)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(16, 2, "flags")]
    [InlineData(16, 4, "flags")]
    [InlineData(20, 1, "kind 1")]
    [InlineData(21, 14, "says that it has 14")]
    public void A_bad_body_is_refused(int at, byte value, string expected)
    {
        byte[] frame = Reply(7);
        frame[at] = value;
        Assert.Contains(expected, Assert.Throws<BsonFormatException>(() => OpMessage.DecodeBody(frame.AsMemory(16))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_command_larger_than_a_message_is_refused_before_it_is_sent()
    {
        byte[] large = new BsonWriter().Binary("x", new byte[OpMessage.MaxLength]).ToDocument().ToArray();
        Assert.Contains("48000000", Assert.Throws<BsonFormatException>(() => OpMessage.Encode(1, "a", large)).Message, StringComparison.Ordinal);
    }

    private static byte[] Reply(int answersTo)
    {
        var frame = new byte[21 + Command.Length];
        BinaryPrimitives.WriteInt32LittleEndian(frame, frame.Length);
        BinaryPrimitives.WriteInt32LittleEndian(frame.AsSpan(8), answersTo);
        BinaryPrimitives.WriteInt32LittleEndian(frame.AsSpan(12), 2013);
        Command.CopyTo(frame.AsSpan(21));
        return frame;
    }
}
