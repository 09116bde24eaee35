using MongoDB.Bson;
using static Locking.MongoExpressions;

namespace Locking;

/// <summary>The line of those who wait for a key, which stands in the key's document, first come first:
/// <c>line: [ { id, owner, seen, claim } ]</c>.</summary>
/// <remarks>
/// <para>
/// It decides who is next, never whether somebody holds the lock: nobody of the line is made the holder while a lease lives, and whoever
/// is, is made it as in any grant, with a token and an end. Who is made the holder while it does not ask has the time of its claim to ask;
/// after that the lock is free.
/// </para>
/// <para>
/// An entry is of one waiter of one process. One that has not asked for <see cref="Silence"/> is gone, and is taken out by whoever writes
/// the line next. There are at most <see cref="Most"/>; who finds no place goes on asking without one. The field is not there while nobody
/// waits.
/// </para>
/// </remarks>
internal static class MongoLine
{
    /// <summary>Waiters in one line. Each is a process: inside of it the engine keeps the order.</summary>
    public const int Most = 64;

    /// <summary>So long a waiter that was made the holder has to ask, at least: twice its longest pause. One whose questions take long has
    /// longer, up to <see cref="Silence"/>.</summary>
    public static readonly TimeSpan ShortestClaim = TimeSpan.FromMilliseconds(500);

    /// <summary>Who has not asked for so long does not wait any more.</summary>
    public static readonly TimeSpan Silence = TimeSpan.FromSeconds(3);

    /// <summary>An entry that is younger is not written again: most questions of a waiter change nothing.</summary>
    private static readonly TimeSpan s_freshness = TimeSpan.FromSeconds(1);

    private static readonly BsonValue s_line = "$line";
    private static readonly BsonValue s_ids = "$line.id";
    private static readonly BsonValue s_id = "$$waiter.id";

    /// <summary>The first of the line; missing where nobody waits. Null and missing come before every text.</summary>
    private static readonly BsonValue s_first = Call("$arrayElemAt", s_ids, 0);

    private static readonly BsonValue s_firstOwner = Call("$arrayElemAt", "$line.owner", 0);
    private static readonly BsonValue s_claimEnd = Call("$add", Now, Call("$arrayElemAt", "$line.claim", 0));
    private static readonly BsonValue s_isAnybodyThere = Call("$gt", s_first, BsonNull.Value);

    /// <summary>What else may stand in an array of this name is dropped. A time to come, too: a clock that stepped back would keep it for
    /// long.</summary>
    private static readonly BsonValue s_isThere = Call(
        "$and",
        Call("$gt", "$$waiter.seen", Call("$subtract", Now, Milliseconds(Silence))),
        Call("$lt", "$$waiter.seen", After(Silence)),
        Call("$eq", Call("$type", s_id), "string"),
        Call("$eq", Call("$type", "$$waiter.owner"), "string"),
        Call("$gte", "$$waiter.claim", 0L),
        Call("$lte", "$$waiter.claim", Milliseconds(Silence)));

    private static readonly BsonValue s_all = If(Call("$isArray", s_line), s_line, new BsonArray());
    private static readonly BsonValue s_isOld = Call("$lt", "$$waiter.seen", Call("$subtract", Now, Milliseconds(s_freshness)));

    /// <summary>Those who are there.</summary>
    private static readonly BsonDocument s_prune = SetLine(Filter(s_all, s_isThere));

    /// <summary>Who was made the holder waits no more; and without waiters there is no line.</summary>
    private static readonly BsonDocument[] s_close =
    [
        SetLine(Filter(s_line, Call("$ne", s_id, Holder))),
        SetLine(If(Call("$eq", s_line, new BsonArray()), "$$REMOVE", s_line)),
    ];

    /// <summary>Shown of a question: the asker's place, 0 for the first, and whether anybody waits.</summary>
    public static BsonDocument Shown(string holderId) =>
        new() { { "place", Call("$indexOfArray", s_ids, Literally(holderId)) }, { "crowded", Call("$gt", s_line, BsonNull.Value) } };

    /// <summary>The stages of a waiter's question: it takes its place, or shows that it is still there; a lock that nobody holds goes to
    /// the first; and one that the asker was made the holder of lasts so long from now.</summary>
    /// <param name="request">Who asks.</param>
    /// <param name="end">The end of a lease of the asker's that begins now.</param>
    /// <param name="purge">When its document may go then.</param>
    /// <param name="claimPurge">When it may go where the first is another, who has the time of a claim.</param>
    /// <param name="claim">The claim that the asker needs.</param>
    public static BsonArray Ask(AcquireRequest request, BsonValue end, BsonValue purge, BsonValue claimPurge, TimeSpan claim)
    {
        BsonValue me = Literally(request.HolderId);
        BsonDocument entry =
            new() { { "id", me }, { "owner", Literally(request.Owner) }, { "seen", Now }, { "claim", Milliseconds(claim) } };
        BsonDocument mine = Mine(request.HolderId);
        BsonDocument isFirst = Call("$eq", s_first, me);
        BsonDocument seenAgain = new("$map", new BsonDocument
        {
            { "input", s_line }, { "as", "waiter" }, { "in", If(Call("$and", Call("$eq", s_id, me), s_isOld), entry, "$$waiter") },
        });
        BsonDocument longer = If(Call("$lt", Call("$size", s_line), Most), Call("$concatArrays", s_line, new BsonArray { entry }), s_line);
        BsonDocument given = new()
        {
            { "holder", If(Live, Holder, s_first) },
            { "owner", If(Live, Owner, s_firstOwner) },
            { "token", TokenIfLive },
            { "expiresAt", If(mine, Later(ExpiresAt, end), If(Live, ExpiresAt, If(isFirst, end, s_claimEnd))) },
            { "purgeAt", If(mine, Later(PurgeAt, purge), If(Live, PurgeAt, If(isFirst, purge, claimPurge))) },
            { "change", If(mine, NextChange, "$change") },
        };
        return [s_prune, SetLine(If(Call("$in", me, s_ids), seenAgain, longer)), Set(given), .. s_close];
    }

    /// <summary>The stages that end a lease: the first of the line is made the holder, or nobody. Who gives up its place leaves the line by
    /// it.</summary>
    /// <param name="condition">Which lease; another one is left alone.</param>
    /// <param name="leaving">Who has no place in the line any more; null: nobody.</param>
    /// <param name="purge">When the document may go where nobody waits.</param>
    /// <param name="claimPurge">When it may go where somebody was made the holder, who has the time of a claim.</param>
    public static BsonArray GiveOn(BsonValue condition, string? leaving, BsonValue purge, BsonValue claimPurge)
    {
        BsonDocument handsOn = Call("$and", condition, s_isAnybodyThere);
        BsonDocument given = new()
        {
            { "holder", If(handsOn, s_first, Holder) },
            { "owner", If(handsOn, s_firstOwner, Owner) },
            { "token", If(handsOn, NextToken, Token) },
            { "expiresAt", If(condition, If(s_isAnybodyThere, s_claimEnd, BsonNull.Value), ExpiresAt) },
            { "purgeAt", If(condition, If(s_isAnybodyThere, claimPurge, purge), PurgeAt) },
        };
        BsonDocument prune = leaving is null
            ? s_prune
            : SetLine(Filter(s_all, Call("$and", s_isThere, Call("$ne", s_id, Literally(leaving)))));
        return [prune, Set(given), .. s_close];
    }

    private static BsonDocument SetLine(BsonValue line) => Set(new BsonDocument("line", line));

    private static BsonDocument Filter(BsonValue input, BsonValue condition) =>
        new("$filter", new BsonDocument { { "input", input }, { "as", "waiter" }, { "cond", condition } });
}
