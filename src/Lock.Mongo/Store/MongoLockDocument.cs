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
    /// <summary>The asker's place in the line, 0 for the first; below zero: it has none, or the reply does not tell.</summary>
    public int Place { get; private init; } = -1;

    /// <summary>Somebody waits, as far as the reply tells.</summary>
    public bool IsCrowded { get; private init; }

    public bool IsLive => Holder is not null && (Left == Timeout.InfiniteTimeSpan || Left > TimeSpan.Zero);

    public bool IsHeldBy(string holderId) => IsLive && Holder == holderId;

    /// <summary>What a step on one holder's lease has to answer, this being the document that it met.</summary>
    public static StoreReply Answer(MongoLockDocument? document, string holderId)
    {
        if (document is null || !document.IsLive) return StoreReply.NotHeld;
        return document.IsHeldBy(holderId) ? StoreReply.Done : StoreReply.HeldByAnother;
    }

    /// <summary>The document in the reply of findAndModify, or null when the command met none.</summary>
    public static MongoLockDocument? FromValue(BsonDocument reply) =>
        reply.GetValue("value", BsonNull.Value) is BsonDocument value ? Parse(value) : null;

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
            document.Long("change"))
        {
            Place = document.GetValue("place", BsonNull.Value).IsNumeric ? document.Int("place") : -1,
            IsCrowded = document.Flag("crowded"),
        };
    }

    /// <summary>Why a document cannot be a lock of ours; null: it can.</summary>
    public static string? ProblemOf(BsonDocument document)
    {
        if (!document.TryGetValue("token", out BsonValue token)) return "it has no token";
        foreach ((string name, Func<BsonValue, bool> isRight) in s_rules)
        {
            BsonValue value = document.GetValue(name, BsonNull.Value);
            if (isRight(value) || (value.IsBsonNull && name != "token")) continue;
            bool isShort = value.IsNumeric || value.BsonType is BsonType.Boolean or BsonType.DateTime;
            return $"its field '{name}' is {(isShort ? value.ToString() : $"of type {value.BsonType}")}";
        }

        return null;
    }

    private static readonly (string Name, Func<BsonValue, bool> IsRight)[] s_rules =
    [
        ("token", IsCounter), ("holder", value => value.IsString), ("owner", value => value.IsString),
        ("expiresAt", value => value is BsonDateTime { MillisecondsSinceEpoch: <= MongoLockCommands.Never }),
            ("purgeAt", value => value is BsonDateTime), ("change", IsCounter),
    ];

    private static bool IsCounter(BsonValue value) => value.IsNumeric && value.ToDouble() is >= 0 and < MongoLockCommands.NumberLimit;

    /// <summary>A lease longer than a <see cref="TimeSpan"/> can say is as long as it can say.</summary>
    private static TimeSpan Span(long milliseconds)
    {
        long most = TimeSpan.MaxValue.Ticks / TimeSpan.TicksPerMillisecond;
        // Minus one millisecond would be the infinite span.
        return milliseconds < 0 ? TimeSpan.Zero : TimeSpan.FromMilliseconds(Math.Min(milliseconds, most));
    }
}
