namespace Locking;

/// <summary>The lines by which published clients build reader/writer locks out of plain ones: counters and a flag per key.</summary>
internal sealed partial class ClientSession
{
    private bool HandleReaders(in WireMessage message)
    {
        if (message.Type.TextEquals("increment-readers"u8))
            Reply("increment-readers-success"u8, in message, _server.Readers.Add(KeyOf(in message), 1, this, _server.Options.Limits));
        else if (message.Type.TextEquals("decrement-readers"u8))
            Reply("decrement-readers-success"u8, in message, _server.Readers.Add(KeyOf(in message), -1, this, _server.Options.Limits));
        else if (message.Type.TextEquals("register-write-flag-check"u8))
            CheckForWriter(in message, isWriter: false);
        else if (message.Type.TextEquals("register-write-flag-and-readers-check"u8))
            CheckForWriter(in message, isWriter: true);
        else if (message.Type.TextEquals("set-write-flag-false-and-broadcast"u8))
            Reply("write-flag-false-and-broadcast-success"u8, in message, _server.Readers.ClearWriter(KeyOf(in message)));
        else
            return false;
        _server.Readers.Broadcast(KeyOf(in message));
        return true;
    }

    /// <summary>Tells a request that waited that it may go on.</summary>
    public void TellBroadcast(ReadOnlySpan<byte> key, ReadOnlySpan<byte> uuid) =>
        Send(NewLine.Raw("{\"type\":\"broadcast-result\",\"key\":"u8).Raw(key).Raw(",\"uuid\":"u8).Raw(uuid).Raw("}\n"u8));

    private static string KeyOf(in WireMessage message) => message.Key.GetText() ?? "";

    private void CheckForWriter(in WireMessage message, bool isWriter)
    {
        var waiting = new ReaderWaiter(this, isWriter, RawOrNull(message.Key).ToArray(), RawOrNull(message.Uuid).ToArray());
        var before = _server.Readers.Check(KeyOf(in message), isWriter, waiting, _server.Options.Limits);
        if (before is not { } state)
            return;
        var line = NewLine.Raw("{\"type\":\""u8)
            .Raw(isWriter ? "register-write-flag-and-readers-check-success"u8 : "register-write-flag-success"u8)
            .Raw("\",\"key\":"u8).Raw(RawOrNull(message.Key)).Raw(",\"uuid\":"u8).Raw(RawOrNull(message.Uuid));
        Send(line.Raw(",\"writerFlag\":"u8).Boolean(state.HasWriter).Raw(",\"readersCount\":"u8).Integer(state.Readers).Raw("}\n"u8));
    }

    private void Reply(ReadOnlySpan<byte> type, in WireMessage message, int readers) =>
        Send(NewLine.Raw("{\"type\":\""u8).Raw(type).Raw("\",\"key\":"u8).Raw(RawOrNull(message.Key)).Raw(",\"uuid\":"u8)
            .Raw(RawOrNull(message.Uuid)).Raw(",\"readersCount\":"u8).Integer(readers).Raw("}\n"u8));
}
