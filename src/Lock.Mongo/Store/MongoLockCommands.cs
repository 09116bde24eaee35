using System.Globalization;

namespace Locking;

/// <summary>The commands of the five steps. The document of a key:</summary>
/// <remarks>
/// <code>
/// _id        prefix + key
/// holder     id of the grant, also after its release: a repeated release learns from it that it worked the first time
/// owner      for people
/// token      the last fencing token given out; outlives the lock
/// expiresAt  end of the lease; null: released; the last millisecond of the year 9999: never
/// purgeAt    when the counter may go (TTL index)
/// change     rises with each change of a lease: a command that shortens a lease, or takes its end away, names the one it has seen
/// </code>
/// Every decision is an expression in the update, on the server's clock: <c>$expr</c> in the filter of an upsert is refused by MongoDB,
/// and all expressions of one <c>$set</c> see the document as it was before. A command may arrive late, after its sender has given it up and
/// gone on by another one. So extending only ever moves the end of a lease further away, and what brings it nearer or takes
/// it away is a second command, which does nothing once the lease has changed. The filter names a second field besides
/// <c>_id</c>: it keeps documents that are not locks untouched (an upsert then meets a duplicate key), and engines that turn an upsert by
/// <c>_id</c> alone into a blind insert are not tempted.
/// What is the same in every acquisition and release is encoded once: building it anew costs as much as the server's conditions do.
/// </remarks>
internal sealed class MongoLockCommands
{
    /// <summary>The end of a lease that never ends. A date, so that every comparison of ends holds for it as well, and nothing ever looks free or old by mistake.</summary>
    public const long Never = 253_402_300_799_999;

    /// <summary>Locks in one reply of a listing.</summary>
    public const int PageSize = 500;

    /// <summary>The filter of everything that is a lock.</summary>
    private static readonly ReadOnlyMemory<byte> IsLock = new BsonWriter().Document("token").Int32("$gte", 0).End().ToFields();

    private static readonly BsonExpression Holder = BsonExpression.Field("$holder");
    private static readonly BsonExpression ExpiresAt = BsonExpression.Field("$expiresAt");
    private static readonly BsonExpression PurgeAt = BsonExpression.Field("$purgeAt");
    private static readonly BsonExpression Token = BsonExpression.Field("$token");
    private static readonly BsonExpression Change = BsonExpression.Field("$change");
    private static readonly BsonExpression ChangeOrZero = BsonExpression.Call("$ifNull", Change, BsonExpression.Number(0));
    private static readonly BsonExpression NextChange = BsonExpression.Call("$add", ChangeOrZero, BsonExpression.Number(1));

    /// <summary>Somebody holds it: there is an end, and it is not yet over. A missing one and null come before every date.</summary>
    private static readonly BsonExpression Live = BsonExpression.Call("$gt", ExpiresAt, BsonExpression.Now);

    /// <summary>Above the last one, and at least the server's time in microseconds: rises even when the counter was purged. Without a last one the sum is
    /// null, which the maximum passes over.</summary>
    private static readonly BsonExpression NextToken = BsonExpression.Call(
        "$max",
        BsonExpression.Call("$add", Token, BsonExpression.Number(1)),
        BsonExpression.Call("$multiply", BsonExpression.Call("$toLong", BsonExpression.Now), BsonExpression.Number(1000)));

    private static readonly BsonExpression Left = BsonExpression.Call("$subtract", ExpiresAt, BsonExpression.Now);

    /// <summary>No more than the answer needs: computing and sending it costs.</summary>
    private static readonly ReadOnlyMemory<byte> Shown = new BsonWriter().Document("fields")
        .Int32("holder", 1).Int32("token", 1).Int32("change", 1).Int32("expiresAt", 1).Add("left", Left).End().ToFields();

    /// <summary>The longest key has 1,024 bytes: so many of the last character are behind everything that begins with a prefix.</summary>
    private static readonly string BehindEverything = string.Concat(Enumerable.Repeat("\U0010FFFF", 257));

    private static readonly ReadOnlyMemory<byte> UpsertAndShow = new BsonWriter().Boolean("upsert", true).Boolean("new", true).ToFields();

    private static readonly ReadOnlyMemory<byte> HolderIfLive = new BsonWriter().Add("0", Live).Add("1", Holder).ToFields();

    private static readonly ReadOnlyMemory<byte> OwnerIfLive = new BsonWriter().Add("0", Live).Add("1", BsonExpression.Field("$owner")).ToFields();

    private static readonly ReadOnlyMemory<byte> TokenIfLive = new BsonWriter().Add("token", If(Live, Token, NextToken)).ToFields();

    private readonly MongoStoreSettings _settings;
    private readonly ReadOnlyMemory<byte> _writeConcern;
    private readonly ReadOnlyMemory<byte> _releaseIfLive;
    private LeaseFields? _lastLease;

    public MongoLockCommands(MongoStoreSettings settings)
    {
        _settings = settings;
        _writeConcern = WriteConcern(settings);
        _releaseIfLive = Set(new BsonWriter(512), "u", OnlyIf(Live, Released())).ToFields();
    }

    /// <summary>Takes a lock that nobody holds, and changes nothing otherwise, for its own holder neither: <see cref="Extend"/> is for that, and every
    /// comparison that is not made here makes all locks cheaper.</summary>
    public ReadOnlyMemory<byte> Acquire(AcquireRequest request, TimeSpan ttl)
    {
        BsonWriter command = new BsonWriter(1536).String("findAndModify", _settings.Collection)
            .Document("query").String("_id", _settings.KeyPrefix + request.Key).Fields(IsLock.Span).End()
            .Fields(UpsertAndShow.Span)
            .Array("update").Document("0").Document("$set");
        Otherwise(command.Document("holder").Array("$cond").Fields(HolderIfLive.Span), request.HolderId).End().End();
        Otherwise(command.Document("owner").Array("$cond").Fields(OwnerIfLive.Span), request.Owner).End().End();
        return command.Fields(TokenIfLive.Span).Fields(LeaseIfFree(ttl).Span).End().End().End()
            .Fields(Shown.Span).Fields(_writeConcern.Span).ToDocument();
    }

    /// <summary>Lets the holder's lease last at least so long from now: it never ends sooner for it. The reply shows the document as it is then.</summary>
    public ReadOnlyMemory<byte> Extend(string key, string holderId, TimeSpan ttl)
    {
        (BsonExpression end, BsonExpression purge) = Ends(ttl);
        return Update(key, Mine(holderId), ("expiresAt", Later(ExpiresAt, end)), ("purgeAt", Later(PurgeAt, purge)), ("change", NextChange));
    }

    /// <summary>Sets the end of the holder's lease, sooner or to never, if nothing has changed since.</summary>
    /// <param name="key">The key.</param>
    /// <param name="ttl">From now; infinite: never.</param>
    /// <param name="seen">The document as the holder has seen it last. Its token is of one grant: a command that comes late does nothing to
    /// another grant, not even when the same id got that one.</param>
    public ReadOnlyMemory<byte> SetEnd(string key, TimeSpan ttl, MongoLockDocument seen)
    {
        (BsonExpression end, BsonExpression purge) = Ends(ttl);
        BsonExpression unchanged = BsonExpression.Call(
            "$and", Live, Has(seen.Token), BsonExpression.Call("$eq", ChangeOrZero, BsonExpression.Number(seen.Change)));
        return Update(key, unchanged, ("expiresAt", end), ("purgeAt", purge), ("change", NextChange));
    }

    /// <summary>
    /// Releases one holder's lease. An update, which costs the server less than findAndModify; <c>nModified</c> says whether the lease was
    /// live, since an update that changes nothing is not counted (of a <c>$set</c>: some engines count a <c>$replaceWith</c> always).
    /// </summary>
    public ReadOnlyMemory<byte> Release(string key, string holderId)
    {
        return new BsonWriter(512).String("update", _settings.Collection).Array("updates").Document("0")
            .Document("q").String("_id", _settings.KeyPrefix + key).String("holder", holderId).Fields(IsLock.Span).End()
            .Fields(_releaseIfLive.Span).End().End()
            .Fields(_writeConcern.Span).ToDocument();
    }

    /// <summary>Takes the lock from whoever was granted it with this token; the reply shows the document as it was before. By the token, since a
    /// command that is repeated or comes late must not meet the next holder.</summary>
    public ReadOnlyMemory<byte> ForceRelease(string key, long token) =>
        Update(key, upsert: false, returnNew: false, OnlyIf(BsonExpression.Call("$and", Live, Has(token)), Released()));

    public ReadOnlyMemory<byte> Get(string key)
    {
        BsonWriter command = new BsonWriter().String("aggregate", _settings.Collection).Array("pipeline")
            .Document("0").Document("$match").String("_id", _settings.KeyPrefix + key).Fields(IsLock.Span).End().End();
        return EndRead(command, "1");
    }

    /// <summary>One page of a listing, ordered by <c>_id</c>. Pages need no cursor, which a server keeps for one session and a client may not get back to.</summary>
    /// <param name="prefix">What keys begin with.</param>
    /// <param name="after">The last <c>_id</c> of the page before; null for the first.</param>
    public ReadOnlyMemory<byte> List(string prefix, string? after)
    {
        string from = _settings.KeyPrefix + prefix;
        BsonWriter command = new BsonWriter().String("aggregate", _settings.Collection).Array("pipeline").Document("0").Document("$match").Document("_id");
        if (after is null) command.String("$gte", from);
        else command.String("$gt", after);
        if (from.Length > 0) command.String("$lt", from + BehindEverything);
        command.End().Fields(IsLock.Span).Document("expiresAt").String("$type", "date").End().End().End()
            .Document("1").Document("$sort").Int32("_id", 1).End().End()
            .Document("2").Int32("$limit", PageSize).End();
        return EndRead(command, "3");
    }

    /// <summary>Asks whether a document that is no lock stands at a key.</summary>
    public ReadOnlyMemory<byte> FindForeign(string key) => new BsonWriter().String("find", _settings.Collection)
        .Document("filter").String("_id", _settings.KeyPrefix + key).Document("token").Document("$not").Int32("$gte", 0).End().End().End()
        .Document("projection").Int32("_id", 1).End().Int32("limit", 1).Boolean("singleBatch", true).ToDocument();

    /// <summary>No more than must change: each field costs the server a comparison and a write.</summary>
    private (string Name, BsonExpression Value)[] Released() => [("expiresAt", BsonExpression.Null), ("purgeAt", Purge(TimeSpan.Zero))];

    private static (string Name, BsonExpression Value)[] OnlyIf(BsonExpression condition, params (string Name, BsonExpression Value)[] fields) =>
        [.. fields.Select(field => (field.Name, If(condition, field.Value, BsonExpression.Field("$" + field.Name))))];

    private ReadOnlyMemory<byte> Update(string key, BsonExpression condition, params (string Name, BsonExpression Value)[] fields) =>
        Update(key, upsert: false, returnNew: true, OnlyIf(condition, fields));

    private ReadOnlyMemory<byte> Update(string key, bool upsert, bool returnNew, params (string Name, BsonExpression Value)[] fields)
    {
        BsonWriter command = new BsonWriter(2048)
            .String("findAndModify", _settings.Collection)
            .Document("query").String("_id", _settings.KeyPrefix + key).Fields(IsLock.Span).End()
            .Boolean("upsert", upsert).Boolean("new", returnNew);
        return Set(command, "update", fields).Fields(Shown.Span).Fields(_writeConcern.Span).ToDocument();
    }

    private static BsonWriter Set(BsonWriter command, string name, (string Name, BsonExpression Value)[] fields)
    {
        command.Array(name).Document("0").Document("$set");
        foreach ((string field, BsonExpression value) in fields) command.Add(field, value);
        return command.End().End().End();
    }

    private static ReadOnlyMemory<byte> WriteConcern(MongoStoreSettings settings)
    {
        BsonWriter concern = new BsonWriter().Document("writeConcern");
        if (int.TryParse(settings.WriteConcern, NumberStyles.None, CultureInfo.InvariantCulture, out int members)) concern.Int32("w", members);
        else concern.String("w", settings.WriteConcern);
        // Shorter than the client's own limit, so that the server's explanation arrives before the client gives up.
        if (settings.CommandTimeout != Timeout.InfiniteTimeSpan) concern.Int64("wtimeout", Milliseconds(settings.CommandTimeout * 0.75));
        return concern.End().ToFields();
    }

    private static ReadOnlyMemory<byte> EndRead(BsonWriter command, string stage)
    {
        command.Document(stage).Document("$project")
            .Int32("holder", 1).Int32("owner", 1).Int32("token", 1).Int32("change", 1).Int32("expiresAt", 1).Add("left", Left).End().End();
        return command.End().Document("cursor").Int32("batchSize", PageSize + 1).End().ToDocument();
    }

    /// <summary>The text in the third place of a condition. Only one that begins with <c>$</c> would be taken for a field's path.</summary>
    private static BsonWriter Otherwise(BsonWriter condition, string text) =>
        text.StartsWith('$') ? condition.Add("2", BsonExpression.Literal(text)) : condition.String("2", text);

    /// <summary>The end of a lease that begins now, where none is live. Most leases of a store are equally long.</summary>
    private ReadOnlyMemory<byte> LeaseIfFree(TimeSpan ttl)
    {
        if (Volatile.Read(ref _lastLease) is { } last && last.Ttl == ttl) return last.Fields;
        (BsonExpression end, BsonExpression purge) = Ends(ttl);
        var lease = new LeaseFields(ttl, new BsonWriter(512).Add("expiresAt", If(Live, ExpiresAt, end)).Add("purgeAt", If(Live, PurgeAt, purge)).ToFields());
        Volatile.Write(ref _lastLease, lease);
        return lease.Fields;
    }

    private (BsonExpression End, BsonExpression Purge) Ends(TimeSpan ttl) => ttl == Timeout.InfiniteTimeSpan
        ? (BsonExpression.Date(Never), BsonExpression.Date(Never))
        : (After(ttl), Purge(ttl));

    /// <summary>A millisecond later than the retention says: in the next one, time alone gives higher tokens than all that were given out in this one.</summary>
    private BsonExpression Purge(TimeSpan ttl) => After(ttl + _settings.FenceRetention + TimeSpan.FromMilliseconds(1));

    private static BsonExpression After(TimeSpan span) => BsonExpression.Call("$add", BsonExpression.Now, BsonExpression.Number(Milliseconds(span)));

    /// <summary>Rounded up: a lease may last longer in the store than its holder relies on it, never shorter.</summary>
    private static long Milliseconds(TimeSpan span) => (span.Ticks + TimeSpan.TicksPerMillisecond - 1) / TimeSpan.TicksPerMillisecond;

    private static BsonExpression Mine(string holderId) => BsonExpression.Call("$and", Live, BsonExpression.Call("$eq", Holder, BsonExpression.Literal(holderId)));

    /// <summary>It is the grant that got this token.</summary>
    private static BsonExpression Has(long token) => BsonExpression.Call("$eq", Token, BsonExpression.Number(token));

    private static BsonExpression Later(BsonExpression end, BsonExpression other) => BsonExpression.Call("$max", end, other);

    private static BsonExpression If(BsonExpression condition, BsonExpression then, BsonExpression otherwise) => BsonExpression.Call("$cond", condition, then, otherwise);

    private sealed record LeaseFields(TimeSpan Ttl, ReadOnlyMemory<byte> Fields);
}
