namespace Locking;

/// <summary>A request that waits for a broadcast of its key.</summary>
internal sealed record ReaderWaiter(ClientSession Session, bool IsWriter, byte[] Key, byte[] Uuid)
{
    /// <summary>Tells it that it may go on.</summary>
    public void Tell() => Session.Send(
        LineWriter.Begin().Raw("{\"type\":\"broadcast-result\",\"key\":"u8).Raw(Key).Raw(",\"uuid\":"u8).Raw(Uuid).Raw("}\n"u8));
}
