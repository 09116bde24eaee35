using System.Globalization;

namespace Locking;

/// <summary>The commands of the five steps. The document of a key:</summary>
/// <remarks>
/// <code>
/// _id        prefix + key
/// holder     id of the grant; null: released
/// owner      for people
/// token      the last fencing token given out; outlives the lock
/// expiresAt  end of the lease; null: never
/// purgeAt    when the counter may go (TTL index); null: not while the lock is held without expiry
/// released   id of the grant that was released last: tells a repeated release that it worked the first time
/// </code>
/// Every decision is an expression in the update, on the server's clock: <c>$expr</c> in the filter of an upsert is refused by MongoDB,
/// and all expressions of one <c>$set</c> see the document as it was before. The filter names a second field besides
/// <c>_id</c>: it keeps documents that are not locks untouched (an upsert then meets a duplicate key), and engines that turn an upsert by
/// <c>_id</c> alone into a blind insert are not tempted.
/// </remarks>
internal sealed class MongoLockCommands(MongoStoreSettings settings)
{
    private static readonly BsonExpression Holder = BsonExpression.Field("$holder");
    private static readonly BsonExpression ExpiresAt = BsonExpression.Field("$expiresAt");

    /// <summary>Somebody holds it: a holder, and a lease without end or not yet at its end.</summary>
    private static readonly BsonExpression Live = BsonExpression.Call(
        "$and",
        IsSet(Holder),
        BsonExpression.Call("$or", IsNull(ExpiresAt), BsonExpression.Call("$gt", ExpiresAt, BsonExpression.Now)));

    /// <summary>Above the last one, and at least the server's time in microseconds: rises even when the counter was purged.</summary>
    private static readonly BsonExpression NextToken = BsonExpression.Call(
        "$max",
        BsonExpression.Call("$add", BsonExpression.Call("$ifNull", BsonExpression.Field("$token"), BsonExpression.Number(0)), BsonExpression.Number(1)),
        BsonExpression.Call("$multiply", BsonExpression.Call("$toLong", BsonExpression.Now), BsonExpression.Number(1000)));

    private static readonly BsonExpression Left = BsonExpression.Call("$subtract", ExpiresAt, BsonExpression.Now);

    /// <summary>The longest key has 1,024 bytes: so many of the last character are behind everything that begins with a prefix.</summary>
    private static readonly string BehindEverything = string.Concat(Enumerable.Repeat("\U0010FFFF", 257));

    public ReadOnlyMemory<byte> Acquire(AcquireRequest request, TimeSpan ttl, bool keepEndless)
    {
        BsonExpression id = BsonExpression.Literal(request.HolderId);
        BsonExpression mine = BsonExpression.Call("$eq", Holder, id);
        BsonExpression granted = BsonExpression.Call("$or", Not(Live), mine);
        (BsonExpression end, BsonExpression purge) = Ends(ttl);
        if (keepEndless)
        {
            // Asking again for a lock without expiry must not give it one.
            BsonExpression endless = BsonExpression.Call("$and", Live, mine, IsNull(ExpiresAt));
            end = If(endless, BsonExpression.Null, end);
            purge = If(endless, BsonExpression.Null, purge);
        }

        BsonWriter command = Begin(request.Key, upsert: true, returnNew: true);
        Set(command)
            .Add("holder", If(granted, id, Holder))
            .Add("owner", If(granted, BsonExpression.Literal(request.Owner), BsonExpression.Field("$owner")))
            .Add("token", If(Live, BsonExpression.Field("$token"), NextToken))
            .Add("expiresAt", If(granted, end, ExpiresAt))
            .Add("purgeAt", If(granted, purge, BsonExpression.Field("$purgeAt")));
        return End(command);
    }

    public ReadOnlyMemory<byte> Extend(string key, string holderId, TimeSpan ttl)
    {
        BsonExpression mine = Mine(holderId);
        (BsonExpression end, BsonExpression purge) = Ends(ttl);
        BsonWriter command = Begin(key, upsert: false, returnNew: true);
        Set(command).Add("expiresAt", If(mine, end, ExpiresAt)).Add("purgeAt", If(mine, purge, BsonExpression.Field("$purgeAt")));
        return End(command);
    }

    /// <summary>Releases one holder's lease; the reply shows the document as it was before.</summary>
    public ReadOnlyMemory<byte> Release(string key, string holderId) => Release(key, Mine(holderId), BsonExpression.Literal(holderId));

    /// <summary>Releases whoever holds it; the reply shows the document as it was before.</summary>
    public ReadOnlyMemory<byte> ForceRelease(string key) => Release(key, Live, Holder);

    public ReadOnlyMemory<byte> Get(string key)
    {
        BsonWriter command = new BsonWriter().String("aggregate", settings.Collection).Array("pipeline")
            .Document("0").Document("$match").String("_id", settings.KeyPrefix + key).End().End();
        return EndRead(command, "1");
    }

    public ReadOnlyMemory<byte> List(string prefix)
    {
        string from = settings.KeyPrefix + prefix;
        BsonWriter command = new BsonWriter().String("aggregate", settings.Collection).Array("pipeline").Document("0").Document("$match").Document("_id").String("$gte", from);
        if (from.Length > 0) command.String("$lt", from + BehindEverything);
        command.End().Document("holder").String("$type", "string").End().End().End();
        return EndRead(command, "1");
    }

    public ReadOnlyMemory<byte> GetMore(long cursor) => new BsonWriter().Int64("getMore", cursor).String("collection", settings.Collection).ToDocument();

    public ReadOnlyMemory<byte> KillCursor(long cursor) =>
        new BsonWriter().String("killCursors", settings.Collection).Array("cursors").Int64("0", cursor).End().ToDocument();

    /// <summary>Asks whether a document that is no lock stands at a key.</summary>
    public ReadOnlyMemory<byte> FindForeign(string key) => new BsonWriter().String("find", settings.Collection)
        .Document("filter").String("_id", settings.KeyPrefix + key).Document("token").Document("$not").Int32("$gte", 0).End().End().End()
        .Document("projection").Int32("_id", 1).End().Int32("limit", 1).Boolean("singleBatch", true).ToDocument();

    private ReadOnlyMemory<byte> Release(string key, BsonExpression condition, BsonExpression released)
    {
        BsonWriter command = Begin(key, upsert: false, returnNew: false);
        Set(command)
            .Add("holder", If(condition, BsonExpression.Null, Holder))
            .Add("owner", If(condition, BsonExpression.Null, BsonExpression.Field("$owner")))
            .Add("expiresAt", If(condition, BsonExpression.Null, ExpiresAt))
            .Add("purgeAt", If(condition, After(settings.FenceRetention), BsonExpression.Field("$purgeAt")))
            .Add("released", If(condition, released, BsonExpression.Field("$released")));
        return End(command);
    }

    private BsonWriter Begin(string key, bool upsert, bool returnNew) => new BsonWriter()
        .String("findAndModify", settings.Collection)
        .Document("query").String("_id", settings.KeyPrefix + key).Document("token").Int32("$gte", 0).End().End()
        .Boolean("upsert", upsert).Boolean("new", returnNew);

    private static BsonWriter Set(BsonWriter command) => command.Array("update").Document("0").Document("$set");

    private ReadOnlyMemory<byte> End(BsonWriter command)
    {
        command.End().End().End();
        command.Document("fields");
        Shown(command).End();
        command.Document("writeConcern");
        if (int.TryParse(settings.WriteConcern, NumberStyles.None, CultureInfo.InvariantCulture, out int members)) command.Int32("w", members);
        else command.String("w", settings.WriteConcern);
        // Shorter than the client's own limit, so that the server's explanation arrives before the client gives up.
        if (settings.CommandTimeout != Timeout.InfiniteTimeSpan) command.Int64("wtimeout", Milliseconds(settings.CommandTimeout * 0.75));
        return command.End().ToDocument();
    }

    private static ReadOnlyMemory<byte> EndRead(BsonWriter command, string stage)
    {
        command.Document(stage).Document("$project");
        Shown(command).End().End();
        return command.End().Document("cursor").Int32("batchSize", 500).End().ToDocument();
    }

    private static BsonWriter Shown(BsonWriter command) =>
        command.Int32("holder", 1).Int32("owner", 1).Int32("token", 1).Int32("released", 1).Add("left", Left);

    private (BsonExpression End, BsonExpression Purge) Ends(TimeSpan ttl) => ttl == Timeout.InfiniteTimeSpan
        ? (BsonExpression.Null, BsonExpression.Null)
        : (After(ttl), After(ttl + settings.FenceRetention));

    private static BsonExpression After(TimeSpan span) => BsonExpression.Call("$add", BsonExpression.Now, BsonExpression.Number(Milliseconds(span)));

    /// <summary>Rounded up: a lease may last longer in the store than its holder relies on it, never shorter.</summary>
    private static long Milliseconds(TimeSpan span) => (span.Ticks + TimeSpan.TicksPerMillisecond - 1) / TimeSpan.TicksPerMillisecond;

    private static BsonExpression Mine(string holderId) => BsonExpression.Call("$and", Live, BsonExpression.Call("$eq", Holder, BsonExpression.Literal(holderId)));

    private static BsonExpression If(BsonExpression condition, BsonExpression then, BsonExpression otherwise) => BsonExpression.Call("$cond", condition, then, otherwise);

    private static BsonExpression Not(BsonExpression condition) => BsonExpression.Call("$not", condition);

    private static BsonExpression IsNull(BsonExpression field) =>
        BsonExpression.Call("$eq", BsonExpression.Call("$ifNull", field, BsonExpression.Null), BsonExpression.Null);

    private static BsonExpression IsSet(BsonExpression field) => Not(IsNull(field));
}
