using System.Buffers;
using System.Text.Json;
using StackExchange.Redis;

namespace Locking;

/// <summary>The notice of npm's simple-redis-mutex: <c>{"key":…,"value":…}</c>.</summary>
internal static class SimpleRedisMutexNotice
{
    public static RedisValue Write(string record, string holderId)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteString("key", record);
            writer.WriteString("value", holderId);
            writer.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>The key; null when it cannot be read (that client writes keys with quotes unescaped).</summary>
    public static string? ReadKey(RedisValue notice)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse((byte[]?)notice ?? []);
            return document.RootElement.ValueKind == JsonValueKind.Object &&
                document.RootElement.TryGetProperty("key", out JsonElement key) &&
                key.ValueKind == JsonValueKind.String
                ? key.GetString()
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
