using System.Text.Json;

namespace Locking;

/// <summary>Several keys at once: <c>acquire-many</c> and <c>release-many</c>.</summary>
internal sealed class PublishedMany(PublishedState state, CompositeLocks composites, BrokerServerOptions options)
{
    private const int MostKeys = 64;

    /// <summary>Handles such a message.</summary>
    /// <returns>False when it is another one.</returns>
    public bool TryHandle(ClientSession session, in WireMessage message)
    {
        if (message.Type.TextEquals("acquire-many"u8))
            Acquire(session, in message);
        else if (message.Type.TextEquals("release-many"u8))
            Release(session, in message);
        else
            return false;
        return true;
    }

    private void Acquire(ClientSession session, in WireMessage message)
    {
        if (KeysOf(in message) is not { } keys)
        {
            session.Send(PublishedLines.Answer("acquire-many"u8, in message)
                .Raw(",\"acquired\":false,\"error\":\"acquire-many needs `keys`: 1 to 64 non-empty strings.\"}\n"u8));
            return;
        }

        if (!session.HasRoomForClaims(keys.Count) || keys.Exists(state.Locks.IsFull))
        {
            session.Send(PublishedLines.Error(in message, "The broker or this connection has as many locks as it allows."));
            return;
        }

        TimeSpan ttl = PublishedLocks.TtlOf(in message, options.DefaultTtl);
        var composite = new CompositeLock(state, session, keys, ttl, PublishedLines.RawOrNull(message.Uuid).ToArray());
        composites.Add(composite);
        bool wait = !message.Wait.IsFalse;
        if (composite.TryTake(wait: false, out int waiters) is not { } contended)
        {
            composite.TellGranted();
            return;
        }

        // The refusal is written before the place is taken, so that the grant cannot come before it.
        session.Send(composite.WriteKeys(PublishedLines.Answer("acquire-many"u8, in message)).Raw(",\"acquired\":false,\"contendedKey\":"u8)
            .Text(contended).Raw(",\"lockRequestCount\":"u8).Integer(waiters).Raw("}\n"u8));
        if (!wait)
            composites.Remove(composite.Id);
        else if (composite.TryTake(wait: true, out _) is null)
            composite.TellGranted();
    }

    private void Release(ClientSession session, in WireMessage message)
    {
        string id = message.CompositeId.GetText() ?? "";
        if (composites.Remove(id) is not { } composite)
        {
            session.Send(PublishedLines.Answer("release-many"u8, in message).Raw(",\"released\":false,\"error\":"u8)
                .Text($"Unknown composite lockUuid=\"{id}\" (already released or never granted).").Raw("}\n"u8));
            return;
        }

        LineWriter line = PublishedLines.Answer("release-many"u8, in message).Raw(",\"lockUuid\":"u8).Text(id);
        session.Send(composite.WriteKeys(line).Raw(",\"released\":true}\n"u8));
        composite.Release();
    }

    /// <summary>The keys, each once, in ordinal order; null when they are not 1 to 64 non-empty strings.</summary>
    private static List<string>? KeysOf(in WireMessage message)
    {
        if (message.Keys.Kind != JsonTokenType.StartArray)
            return null;
        var keys = new SortedSet<string>(StringComparer.Ordinal);
        ReadOnlySpan<byte> raw = message.Keys.Raw;
        var reader = new Utf8JsonReader(raw);
        reader.Read();
        int count = 0;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.String || ++count > MostKeys
                || WireValue.Read(ref reader, raw).GetText() is not { Length: > 0 } key)
                return null;
            keys.Add(key);
        }

        return keys.Count > 0 ? [.. keys] : null;
    }
}
