namespace Locking;

/// <summary>The lines by which published clients build reader/writer locks out of plain ones: counters and a flag per key.</summary>
internal sealed class PublishedReaders(ReaderCounts readers, BrokerLimits limits)
{
    /// <summary>Handles such a message.</summary>
    /// <returns>False when it is another one.</returns>
    public bool TryHandle(ClientSession session, in WireMessage message)
    {
        string key = message.Key.GetText() ?? "";
        if (message.Type.TextEquals("increment-readers"u8))
            Reply(session, "increment-readers-success"u8, in message, readers.Add(key, 1, session, limits));
        else if (message.Type.TextEquals("decrement-readers"u8))
            Reply(session, "decrement-readers-success"u8, in message, readers.Add(key, -1, session, limits));
        else if (message.Type.TextEquals("register-write-flag-check"u8))
            CheckForWriter(session, key, in message, isWriter: false);
        else if (message.Type.TextEquals("register-write-flag-and-readers-check"u8))
            CheckForWriter(session, key, in message, isWriter: true);
        else if (message.Type.TextEquals("set-write-flag-false-and-broadcast"u8))
            Reply(session, "write-flag-false-and-broadcast-success"u8, in message, readers.ClearWriter(key));
        else
            return false;
        readers.Broadcast(key);
        return true;
    }

    private static void Reply(ClientSession session, ReadOnlySpan<byte> type, in WireMessage message, int count) => session.Send(
        Begin(type, in message).Raw(",\"readersCount\":"u8).Integer(count).Raw("}\n"u8));

    private static LineWriter Begin(ReadOnlySpan<byte> type, in WireMessage message) => LineWriter.Begin().Raw("{\"type\":\""u8).Raw(type)
        .Raw("\",\"key\":"u8).Raw(PublishedLines.RawOrNull(message.Key)).Raw(",\"uuid\":"u8).Raw(PublishedLines.RawOrNull(message.Uuid));

    private void CheckForWriter(ClientSession session, string key, in WireMessage message, bool isWriter)
    {
        var waiter = new ReaderWaiter(
            session, isWriter, PublishedLines.RawOrNull(message.Key).ToArray(), PublishedLines.RawOrNull(message.Uuid).ToArray());
        if (readers.Check(key, isWriter, waiter, limits) is not { } before)
            return;
        session.Send(Begin(isWriter ? "register-write-flag-and-readers-check-success"u8 : "register-write-flag-success"u8, in message)
            .Raw(",\"writerFlag\":"u8).Boolean(before.HasWriter).Raw(",\"readersCount\":"u8).Integer(before.Readers).Raw("}\n"u8));
    }
}
