using System.Globalization;

namespace Locking;

/// <summary>One value of an aggregation expression, already encoded.</summary>
internal readonly record struct BsonExpression(BsonType Type, ReadOnlyMemory<byte> Value)
{
    /// <summary>The server's time, the same throughout one command.</summary>
    public static BsonExpression Now { get; } = Field("$$NOW");

    public static BsonExpression Null { get; } = new(BsonType.Null, ReadOnlyMemory<byte>.Empty);

    /// <summary>A field's path or a variable, such as <c>$holder</c>.</summary>
    public static BsonExpression Field(string path) => Only(new BsonWriter(64).String("", path));

    /// <summary>A text as it is; inside a pipeline a text that begins with <c>$</c> would be a field's path.</summary>
    public static BsonExpression Literal(string text) => new(BsonType.Document, new BsonWriter().String("$literal", text).ToDocument());

    public static BsonExpression Number(long value) => Only(new BsonWriter(64).Int64("", value));

    /// <summary>A date.</summary>
    /// <param name="milliseconds">Milliseconds since 1970-01-01 UTC.</param>
    public static BsonExpression Date(long milliseconds) => Only(new BsonWriter(64).DateTime("", milliseconds));

    /// <summary>An operator on its arguments.</summary>
    public static BsonExpression Call(string name, params ReadOnlySpan<BsonExpression> arguments)
    {
        BsonWriter call = new BsonWriter().Array(name);
        for (int i = 0; i < arguments.Length; i++) call.Add(i.ToString(CultureInfo.InvariantCulture), arguments[i]);
        return new BsonExpression(BsonType.Document, call.End().ToDocument());
    }

    private static BsonExpression Only(BsonWriter writer)
    {
        ReadOnlyMemory<byte> document = writer.ToDocument();
        // Length, type, empty name, value, zero.
        return new BsonExpression((BsonType)document.Span[4], document[6..^1]);
    }
}
