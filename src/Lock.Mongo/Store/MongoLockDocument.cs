namespace Locking;

/// <summary>A key's document as a reply shows it.</summary>
/// <param name="Id">The document's <c>_id</c>: prefix and key.</param>
/// <param name="Holder">The id of the last grant.</param>
/// <param name="Owner">For people.</param>
/// <param name="Token">The last fencing token.</param>
/// <param name="Left">What is left of the lease, perhaps negative; infinite without expiry.</param>
/// <param name="IsReleased">The last grant was released, or broken by force: the lease has no end.</param>
/// <param name="Change">The last change of a lease.</param>
internal sealed record MongoLockDocument(string Id, string? Holder, string Owner, long Token, TimeSpan Left, bool IsReleased, long Change)
{
    public bool IsLive => Holder is not null && (Left == Timeout.InfiniteTimeSpan || Left > TimeSpan.Zero);

    public bool IsHeldBy(string holderId) => IsLive && Holder == holderId;

    /// <summary>What a step on one holder's lease has to answer, this being the document that it met.</summary>
    public static StoreReply Answer(MongoLockDocument? document, string holderId)
    {
        if (document is null || !document.IsLive) return StoreReply.NotHeld;
        return document.IsHeldBy(holderId) ? StoreReply.Done : StoreReply.HeldByAnother;
    }

    /// <summary>The document in the reply of findAndModify, or null when the command met none.</summary>
    public static MongoLockDocument? FromValue(ReadOnlySpan<byte> reply) =>
        BsonReader.TryFind(reply, "value"u8, out BsonElement value) && value.Type != BsonType.Null ? Parse(value.AsDocument()) : null;

    public static MongoLockDocument Parse(ReadOnlySpan<byte> document)
    {
        string id = "";
        string? holder = null;
        string owner = "";
        bool isReleased = true;
        long token = 0;
        long change = 0;
        bool isEndless = false;
        TimeSpan left = TimeSpan.Zero;
        var reader = new BsonReader(document);
        while (reader.Read())
        {
            BsonElement field = reader.Current;
            if (field.Type == BsonType.Null) continue;
            if (field.Is("_id"u8)) id = Text(field);
            else if (field.Is("holder"u8)) holder = Text(field);
            else if (field.Is("owner"u8)) owner = Text(field);
            else if (field.Is("token"u8)) token = field.AsNumber();
            else if (field.Is("change"u8)) change = field.AsNumber();
            else if (field.Is("expiresAt"u8)) (isReleased, isEndless) = (false, field.Type == BsonType.DateTime && field.AsDateTime() == MongoLockCommands.Never);
            else if (field.Is("left"u8)) left = Span(field.AsNumber());
        }

        return new MongoLockDocument(id, holder, owner, token, isEndless ? Timeout.InfiniteTimeSpan : left, isReleased, change);
    }

    /// <summary>Somebody else's document may have a field of ours with another type.</summary>
    private static string Text(BsonElement field) => field.Type == BsonType.String ? field.AsString() : "";

    /// <summary>A lease longer than a <see cref="TimeSpan"/> can say is as long as it can say.</summary>
    private static TimeSpan Span(long milliseconds)
    {
        long most = TimeSpan.MaxValue.Ticks / TimeSpan.TicksPerMillisecond;
        // Minus one millisecond would be the infinite span.
        return milliseconds < 0 ? TimeSpan.Zero : TimeSpan.FromMilliseconds(Math.Min(milliseconds, most));
    }
}
