using MongoDB.Bson;

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
    public static MongoLockDocument? FromValue(BsonDocument reply) => reply.GetValue("value", BsonNull.Value) is BsonDocument value ? Parse(value) : null;

    public static MongoLockDocument Parse(BsonDocument document)
    {
        BsonValue end = document.GetValue("expiresAt", BsonNull.Value);
        bool isEndless = end is BsonDateTime { MillisecondsSinceEpoch: MongoLockCommands.Never };
        return new MongoLockDocument(
            document.Text("_id"),
            document.GetValue("holder", BsonNull.Value).IsBsonNull ? null : document.Text("holder"),
            document.Text("owner"),
            document.Long("token"),
            isEndless ? Timeout.InfiniteTimeSpan : Span(document.Long("left")),
            end.IsBsonNull,
            document.Long("change"));
    }

    /// <summary>A lease longer than a <see cref="TimeSpan"/> can say is as long as it can say.</summary>
    private static TimeSpan Span(long milliseconds)
    {
        long most = TimeSpan.MaxValue.Ticks / TimeSpan.TicksPerMillisecond;
        // Minus one millisecond would be the infinite span.
        return milliseconds < 0 ? TimeSpan.Zero : TimeSpan.FromMilliseconds(Math.Min(milliseconds, most));
    }
}
