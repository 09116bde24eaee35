using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Locking;

/// <summary>The JSON that <c>--json</c> prints. Times are milliseconds; null means none.</summary>
internal static class Json
{
    private static readonly JsonWriterOptions s_options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>One value as one line.</summary>
    public static string Line(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, s_options))
            write(writer);
        return Encoding.UTF8.GetString(buffer.WrittenSpan) + "\n";
    }

    /// <summary>One object as one line.</summary>
    public static string Object(Action<Utf8JsonWriter> write) => Line(writer =>
    {
        writer.WriteStartObject();
        write(writer);
        writer.WriteEndObject();
    });

    public static void WriteSpan(this Utf8JsonWriter writer, string name, TimeSpan span)
    {
        if (span == Timeout.InfiniteTimeSpan || span == TimeSpan.MaxValue)
            writer.WriteNull(name);
        else
            writer.WriteNumber(name, (long)span.TotalMilliseconds);
    }

    public static void WriteToken(this Utf8JsonWriter writer, string name, long? token)
    {
        if (token is { } number)
            writer.WriteNumber(name, number);
        else
            writer.WriteNull(name);
    }

    /// <summary>The properties of a lock that somebody holds.</summary>
    public static void WriteInfo(this Utf8JsonWriter writer, LockInfo info)
    {
        writer.WriteString("id", info.Id);
        writer.WriteString("owner", info.Owner);
        writer.WriteToken("fencingToken", info.FencingToken);
        writer.WriteSpan("remaining", info.Remaining);
    }
}
