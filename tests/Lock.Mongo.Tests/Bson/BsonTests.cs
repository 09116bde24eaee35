namespace Locking;

public sealed class BsonTests
{
    // The examples of bsonspec.org's FAQ, and one document for each type as the specification lays it out.
    [Fact]
    public void Written_as_the_specification_says()
    {
        Hex("160000000268656C6C6F0006000000776F726C640000", new BsonWriter().String("hello", "world"));
        Hex(
            "310000000442534F4E002600000002300008000000617765736F6D65000131003333333333331440103200C20700000000",
            new BsonWriter().Array("BSON").String("0", "awesome").Double("1", 5.05).Int32("2", 1986).End());
        Hex("0C0000001061000100000000", new BsonWriter().Int32("a", 1));
        Hex("10000000126100FFFFFFFFFFFFFFFF00", new BsonWriter().Int64("a", -1));
        Hex("10000000096100C5D8D6CC3B01000000", new BsonWriter().DateTime("a", 1356351330501));
        Hex("090000000861000100", new BsonWriter().Boolean("a", true));
        Hex("080000000A610000", new BsonWriter().Null("a"));
        Hex("0F0000000578000200000000FFFF00", new BsonWriter().Binary("x", [0xFF, 0xFF]));
        Hex("0D000000037800050000000000", new BsonWriter().Document("x").End());
        Hex("0500000000", new BsonWriter());
    }

    [Fact]
    public void Read_back_as_written()
    {
        ReadOnlySpan<byte> document = new BsonWriter().String("s", "ä\0€😀").Int32("i", int.MinValue).Int64("l", long.MaxValue).Double("d", -0.5)
            .Boolean("b", true).DateTime("t", -1).Binary("x", [1, 2]).Document("sub").Null("n").End().ToDocument().Span;
        Assert.Equal("ä\0€😀", Find(document, "s"u8).AsString());
        Assert.Equal(int.MinValue, Find(document, "i"u8).AsNumber());
        Assert.Equal(long.MaxValue, Find(document, "l"u8).AsNumber());
        Assert.Equal(-0.5, Find(document, "d"u8).AsDouble());
        Assert.True(Find(document, "b"u8).AsFlag());
        Assert.Equal(-1, Find(document, "t"u8).AsDateTime());
        Assert.Equal([1, 2], Find(document, "x"u8).AsBinary().ToArray());
        Assert.Equal(BsonType.Null, Find(Find(document, "sub"u8).AsDocument(), "n"u8).Type);
        Assert.False(BsonReader.TryFind(document, "none"u8, out _));
    }

    [Theory]
    [InlineData("0D0000000B6100616200690000", "regex")]
    [InlineData("100000001161002A00000015CD5B0700", "timestamp")]
    [InlineData("1400000007610056E1FC72E0C917E9C471416100", "object id")]
    [InlineData("18000000136400000000000000000000000000000040B000", "decimal")]
    [InlineData("08000000FF610000", "min key")]
    [InlineData("080000007F610000", "max key")]
    [InlineData("190000000D610011000000616261626162616261626162000000", "code, wrong on purpose")]
    public void Types_without_a_getter_are_stepped_over(string hex, string what)
    {
        byte[] document = Convert.FromHexString(hex);
        document[0] = (byte)document.Length;
        if (what.Contains("wrong", StringComparison.Ordinal)) Assert.Throws<BsonFormatException>(() => Walk(document));
        else Walk(document);
    }

    [Theory]
    [InlineData("", "nothing")]
    [InlineData("04000000", "a length only")]
    [InlineData("0600000000", "the length is more than came")]
    [InlineData("050000000000", "more came than the length")]
    [InlineData("0500000001", "no zero at the end")]
    [InlineData("070000000000FF", "the end before the end")]
    [InlineData("0700000002610000", "a field without a value")]
    [InlineData("0C0000000261000000000000", "a string of length 0")]
    [InlineData("0C000000026100FFFFFFFF00", "a string of length -1")]
    [InlineData("10000000026100050000006200620000", "a string that takes the document's end")]
    [InlineData("120000000200FFFFFF00666F6F6261720000", "a string longer than its document")]
    [InlineData("1000000002610004000000616263FF00", "a string without a zero at its end")]
    [InlineData("0E00000002610002000000E90000", "a string that is not UTF-8")]
    [InlineData("090000000861000200", "a boolean of 2")]
    [InlineData("09000000086100FF00", "a boolean of -1")]
    [InlineData("0B0000000161000000F03F00", "half a double")]
    [InlineData("090000001061000500", "half an int32")]
    [InlineData("0C0000000961001234567800", "half a date")]
    [InlineData("0D000000056100FFFFFFFF000000", "a binary of length -1")]
    [InlineData("1800000003666F6F000F0000001062617200FFFFFF7F0000", "a document longer than the one around it")]
    [InlineData("1500000003666F6F000A0000000862617200010000", "a document shorter than its fields")]
    [InlineData("0C0000000361000400000000", "a document of length 4")]
    [InlineData("080000008061000000", "an unknown type")]
    public void Malformed_bytes_are_found(string hex, string what)
    {
        byte[] document = Convert.FromHexString(hex);
        Assert.True(Record.Exception(() => Walk(document)) is BsonFormatException, what);
    }

    [Fact]
    public void Random_damage_never_does_worse_than_a_format_error()
    {
        byte[] sound = new BsonWriter().String("hello", "world").Document("d").Array("a").Int32("0", 1).End().Binary("b", [1, 2, 3]).End().Int64("l", 5).ToDocument().ToArray();
        var random = new Random(20261122);
        for (int i = 0; i < 20_000; i++)
        {
            byte[] damaged = [.. sound];
            for (int j = 0; j <= i % 3; j++) damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            Exception? e = Record.Exception(() => Walk(damaged));
            Assert.True(e is null or BsonFormatException, $"{Convert.ToHexString(damaged)}: {e}");
        }
    }

    [Fact]
    public void A_field_of_another_type_is_named()
    {
        byte[] document = new BsonWriter().Int32("count", 1).ToDocument().ToArray();
        string message = Assert.Throws<BsonFormatException>(() => Find(document, "count"u8).AsString()).Message;
        Assert.Equal("The field 'count' is a Int32; a String was expected.", message);
    }

    [Fact]
    public void What_cannot_be_written_is_refused()
    {
        Assert.Throws<ArgumentException>(() => new BsonWriter().Null("a\0b"));
        Assert.ThrowsAny<ArgumentException>(() => new BsonWriter().String("a", "\uD800"));
        Assert.Throws<InvalidOperationException>(() => new BsonWriter().Document("a").ToDocument());
    }

    private static void Hex(string expected, BsonWriter writer) => Assert.Equal(expected, Convert.ToHexString(writer.ToDocument().Span));

    private static BsonElement Find(ReadOnlySpan<byte> document, ReadOnlySpan<byte> name)
    {
        Assert.True(BsonReader.TryFind(document, name, out BsonElement element));
        return element;
    }

    private static void Walk(ReadOnlySpan<byte> document)
    {
        var reader = new BsonReader(document);
        while (reader.Read())
        {
            BsonElement field = reader.Current;
            if (field.Type is BsonType.Document or BsonType.Array) Walk(field.Value);
            else if (field.Type == BsonType.String) field.AsString();
            else if (field.Type == BsonType.Boolean) field.AsFlag();
        }
    }
}
