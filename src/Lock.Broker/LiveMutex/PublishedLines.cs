namespace Locking;

/// <summary>Lines of the published protocol that answer more than one message.</summary>
internal static class PublishedLines
{
    /// <summary>A value as it was written; null for one that is missing.</summary>
    public static ReadOnlySpan<byte> RawOrNull(in WireValue value) => value.IsMissing ? "null"u8 : value.Raw;

    /// <summary>Begins a line that is answered to the request that it names.</summary>
    public static LineWriter Answer(ReadOnlySpan<byte> type, in WireMessage message) =>
        LineWriter.Begin().Raw("{\"type\":\""u8).Raw(type).Raw("\",\"uuid\":"u8).Raw(RawOrNull(message.Uuid));

    /// <summary>A message that nobody knows.</summary>
    public static LineWriter UnknownType(in WireMessage message) => Error(in message, "Malformed data sent to Live-Mutex broker.");

    /// <summary>A request that was not done.</summary>
    public static LineWriter Error(in WireMessage message, string error)
    {
        LineWriter line = LineWriter.Begin().Raw("{"u8);
        if (!message.Key.IsMissing)
            line.Raw("\"key\":"u8).Raw(message.Key.Raw).Raw(","u8);
        if (!message.Uuid.IsMissing)
            line.Raw("\"uuid\":"u8).Raw(message.Uuid.Raw).Raw(","u8);
        return line.Raw("\"error\":"u8).Text(error).Raw("}\n"u8);
    }
}
