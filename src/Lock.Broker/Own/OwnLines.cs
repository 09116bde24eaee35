namespace Locking;

/// <summary>What a broker says in our own messages. Steps and fields: docs/broker-protocol.md.</summary>
internal static class OwnLines
{
    /// <summary>The lock is granted.</summary>
    public static LineWriter Granted(long number, long token, TimeSpan queuedFor) => LineWriter.Begin()
        .Raw("{\"type\":\"lk-granted\",\"n\":"u8).Integer(number).Raw(",\"token\":"u8).Integer(token).Raw(",\"queued\":"u8)
        .Integer((long)Math.Floor(queuedFor.TotalMicroseconds)).Raw("}\n"u8);

    /// <summary>A lease has ended by time or by force.</summary>
    public static LineWriter Lost(string key, string id, ReadOnlySpan<byte> reason) => LineWriter.Begin()
        .Raw("{\"type\":\"lk-lost\",\"key\":"u8).Text(key).Raw(",\"id\":"u8).Text(id).Raw(",\"reason\":\""u8).Raw(reason).Raw("\"}\n"u8);

    /// <summary>An answer with what is left of something: -1 without expiry, null when it is not known.</summary>
    public static LineWriter Remaining(ReadOnlySpan<byte> what, long number, TimeSpan? remaining)
    {
        LineWriter line = LineWriter.Begin().Raw("{\"type\":\"lk-"u8).Raw(what).Raw("\",\"n\":"u8).Integer(number).Raw(",\"remaining\":"u8);
        if (remaining is not { } left)
            line.Raw("null"u8);
        else
            line.Integer(left == Timeout.InfiniteTimeSpan ? -1 : TimerSpan.WholeMilliseconds(left));
        return line.Raw("}\n"u8);
    }

    /// <summary>What a step came to.</summary>
    public static LineWriter Reply(long number, StoreReply reply) => Result(number, reply switch
    {
        StoreReply.Done => "done"u8,
        StoreReply.HeldByAnother => "other"u8,
        _ => "none"u8,
    });

    /// <summary>An answer in one word.</summary>
    public static LineWriter Result(long number, ReadOnlySpan<byte> result) =>
        LineWriter.Begin().Raw("{\"type\":\"lk-"u8).Raw(result).Raw("\",\"n\":"u8).Integer(number).Raw("}\n"u8);

    /// <summary>A request that was not done.</summary>
    public static LineWriter Refused(long number, string why) =>
        LineWriter.Begin().Raw("{\"type\":\"lk-refused\",\"n\":"u8).Integer(number).Raw(",\"error\":"u8).Text(why).Raw("}\n"u8);

    /// <summary>The client may not come in.</summary>
    public static LineWriter Denied(string why) => LineWriter.Begin().Raw("{\"type\":\"lk-denied\",\"error\":"u8).Text(why).Raw("}\n"u8);

    /// <summary>What the client has to answer before it may come in.</summary>
    public static LineWriter Challenge(string nonce) =>
        LineWriter.Begin().Raw("{\"type\":\"lk-challenge\",\"nonce\":"u8).Text(nonce).Raw("}\n"u8);

    /// <summary>The client may come in.</summary>
    public static LineWriter Welcome(string? proof)
    {
        LineWriter line = LineWriter.Begin().Raw("{\"type\":\"lk-welcome\",\"version\":"u8).Text(WireTypes.ProductVersion)
            .Raw(",\"wire\":"u8).Integer(WireTypes.Wire);
        if (proof is not null)
            line.Raw(",\"mac\":"u8).Text(proof);
        return line.Raw("}\n"u8);
    }

    /// <summary>One lease.</summary>
    public static LineWriter Info(ReadOnlySpan<byte> type, long number, LockInfo info)
    {
        LineWriter line = LineWriter.Begin().Raw("{\"type\":\""u8).Raw(type).Raw("\",\"n\":"u8).Integer(number).Raw(",\"key\":"u8)
            .Text(info.Key)
            .Raw(",\"id\":"u8).Text(info.Id).Raw(",\"owner\":"u8).Text(info.Owner).Raw(",\"token\":"u8).Integer(info.FencingToken ?? 0)
            .Raw(",\"remaining\":"u8);
        line.Integer(info.Remaining == TimeSpan.MaxValue ? -1 : TimerSpan.WholeMilliseconds(info.Remaining));
        return line.Raw("}\n"u8);
    }

    /// <summary>How the broker is.</summary>
    public static LineWriter Status(long number, TimeSpan pause, string weaknesses)
    {
        LineWriter line = LineWriter.Begin().Raw("{\"type\":\"lk-status\",\"n\":"u8).Integer(number).Raw(",\"remaining\":"u8)
            .Integer(TimerSpan.WholeMilliseconds(pause));
        if (weaknesses.Length > 0)
            line.Raw(",\"warning\":"u8).Text(weaknesses);
        return line.Raw("}\n"u8);
    }
}
