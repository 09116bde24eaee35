using System.Text.Json;

namespace Locking;

/// <summary>Several keys at once: <c>acquire-many</c> and <c>release-many</c>.</summary>
internal sealed partial class ClientSession
{
    private const int MostKeys = 64;

    /// <summary>Tells the grant of all keys.</summary>
    public void TellManyGranted(CompositeLock composite)
    {
        var line = NewLine.Raw("{\"type\":\"acquire-many\",\"uuid\":"u8).Raw(composite.Uuid);
        WriteKeys(line, composite.Keys).Raw(",\"acquired\":true,\"lockUuid\":"u8).Text(composite.Id).Raw(",\"fencingTokens\":{"u8);
        for (var i = 0; i < composite.Members.Count; i++)
        {
            if (i > 0)
                line.Raw(","u8);
            line.Text(composite.Members[i].Key).Raw(":"u8).Integer(composite.Members[i].FencingToken);
        }

        Send(line.Raw("}}\n"u8));
    }

    private void AcquireMany(in WireMessage message)
    {
        if (KeysOf(in message) is not { } keys)
        {
            Send(NewLine.Raw("{\"type\":\"acquire-many\",\"uuid\":"u8).Raw(RawOrNull(message.Uuid))
                .Raw(",\"acquired\":false,\"error\":\"acquire-many needs `keys`: 1 to 64 non-empty strings.\"}\n"u8));
            return;
        }

        if (!HasRoomForClaims(keys.Count) || keys.Exists(_server.IsFull))
        {
            SendError(in message, "The broker or this connection has as many locks as it allows.");
            return;
        }

        var composite = new CompositeLock(_server, this, keys, PublishedTtl(in message), RawOrNull(message.Uuid).ToArray());
        _server.Remember(composite);
        var wait = !message.Wait.IsFalse;
        if (composite.TryTake(wait: false, out var waiters) is not { } contended)
        {
            TellManyGranted(composite);
            return;
        }

        // The refusal is written before the place is taken, so that the grant cannot come before it.
        var line = NewLine.Raw("{\"type\":\"acquire-many\",\"uuid\":"u8).Raw(RawOrNull(message.Uuid));
        Send(WriteKeys(line, keys).Raw(",\"acquired\":false,\"contendedKey\":"u8).Text(contended)
            .Raw(",\"lockRequestCount\":"u8).Integer(waiters).Raw("}\n"u8));
        if (!wait)
            _server.Forget(composite.Id);
        else if (composite.TryTake(wait: true, out _) is null)
            TellManyGranted(composite);
    }

    private void ReleaseMany(in WireMessage message)
    {
        var id = message.CompositeId.GetText() ?? "";
        var line = NewLine.Raw("{\"type\":\"release-many\",\"uuid\":"u8).Raw(RawOrNull(message.Uuid));
        if (_server.Forget(id) is not { } composite)
        {
            Send(line.Raw(",\"released\":false,\"error\":"u8)
                .Text($"Unknown composite lockUuid=\"{id}\" (already released or never granted).").Raw("}\n"u8));
            return;
        }

        line.Raw(",\"lockUuid\":"u8).Text(id);
        Send(WriteKeys(line, composite.Keys).Raw(",\"released\":true}\n"u8));
        composite.Release();
    }

    private static LineWriter WriteKeys(LineWriter line, IReadOnlyList<string> keys)
    {
        line.Raw(",\"keys\":["u8);
        for (var i = 0; i < keys.Count; i++)
        {
            if (i > 0)
                line.Raw(","u8);
            line.Text(keys[i]);
        }

        return line.Raw("]"u8);
    }

    /// <summary>The keys, each once, in ordinal order; null when they are not 1 to 64 non-empty strings.</summary>
    private static List<string>? KeysOf(in WireMessage message)
    {
        if (message.Keys.Kind != JsonTokenType.StartArray)
            return null;
        var keys = new SortedSet<string>(StringComparer.Ordinal);
        var raw = message.Keys.Raw;
        var reader = new Utf8JsonReader(raw);
        reader.Read();
        var count = 0;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.String || ++count > MostKeys || WireValue.Read(ref reader, raw).GetText() is not { Length: > 0 } key)
                return null;
            keys.Add(key);
        }

        return keys.Count > 0 ? [.. keys] : null;
    }
}
