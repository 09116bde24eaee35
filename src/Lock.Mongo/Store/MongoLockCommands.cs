using System.Globalization;
using MongoDB.Bson;
using static Locking.MongoExpressions;

namespace Locking;

/// <summary>The commands of the steps. The document of a key:</summary>
/// <remarks>
/// <code>
/// _id        prefix + key
/// holder     id of the grant, also after its release: a repeated release learns from it that it worked the first time
/// owner      for people
/// token      the last fencing token given out; outlives the lock
/// expiresAt  end of the lease; null: released; the last millisecond of the year 9999: never
/// purgeAt    when the counter may go (TTL index)
/// change     rises with each change of a lease: a command that shortens a lease, or takes its end away, names the one it has seen
/// line       who waits, first come first; missing: nobody (MongoLine)
/// </code>
/// Every decision is an expression in the update, on the server's clock: <c>$expr</c> in the filter of an upsert is refused by MongoDB,
/// and all expressions of one <c>$set</c> see the document as it was before. A command may arrive late, after its sender has given it up
/// and gone on by another one. So extending only ever moves the end of a lease further away, and what brings it nearer or takes
/// it away is a second command, which does nothing once the lease has changed. The filter names a second field besides
/// <c>_id</c>: it keeps documents that are not locks untouched (an upsert then meets a duplicate key), and engines that turn an upsert by
/// <c>_id</c> alone into a blind insert are not tempted.
/// What is the same in every acquisition and release is built once, and shared: nobody changes it.
/// </remarks>
internal sealed class MongoLockCommands
{
    /// <summary>The end of a lease that never ends. A date, so that every comparison of ends holds for it as well, and nothing ever looks
    /// free or old by mistake.</summary>
    public const long Never = 253_402_300_799_999;

    /// <summary>Locks in one reply of a listing.</summary>
    public const int PageSize = 500;

    /// <summary>Numbers are below: beyond, a double has no ones any more. Tokens that time gives reach it in the year 2255.</summary>
    public const long NumberLimit = 1L << 53;

    /// <summary>The token of everything that may be a lock; what has none is somebody else's.</summary>
    private static readonly BsonDocument s_isToken = new() { { "$gte", 0 }, { "$lt", NumberLimit } };

    /// <summary>What no lock is. Looked at before a document is taken, since the first write of ours would destroy what stands
    /// there.</summary>
    private static readonly BsonArray s_noLock =
    [
        IsOf("token", "array"),
        IsOf("holder", OtherThan("string")),
        IsOf("owner", OtherThan("string")),
        IsOf("expiresAt", OtherThan("date")),
        IsOf("purgeAt", OtherThan("date")),
        IsOf("change", OtherThan("number")),
        new BsonDocument("change", new BsonDocument("$gte", NumberLimit)),
        new BsonDocument("change", double.NaN),
        new BsonDocument("expiresAt", new BsonDocument("$gt", new BsonDateTime(Never))),
    ];

    /// <summary>The filter of everything that is no lock.</summary>
    public static readonly BsonDocument IsForeign =
        new("$or", new BsonArray(s_noLock.Prepend(new BsonDocument("token", new BsonDocument("$not", s_isToken)))));

    private static readonly BsonValue s_left = Call("$subtract", ExpiresAt, Now);

    /// <summary>No more than the answer needs: computing and sending it costs.</summary>
    private static readonly BsonDocument s_shown =
        new() { { "holder", 1 }, { "token", 1 }, { "change", 1 }, { "expiresAt", 1 }, { "left", s_left } };

    private static readonly BsonDocument s_shownToReaders =
        new() { { "holder", 1 }, { "owner", 1 }, { "token", 1 }, { "change", 1 }, { "expiresAt", 1 }, { "left", s_left } };

    /// <summary>The longest key has 1,024 bytes: so many of the last character are behind everything that begins with a prefix.</summary>
    private static readonly string s_behindEverything = string.Concat(Enumerable.Repeat("\U0010FFFF", 257));

    private readonly MongoStoreSettings _settings;
    private readonly BsonDocument _writeConcern;
    private readonly BsonArray _releaseIfLive;
    private Lease? _lastLease;

    public MongoLockCommands(MongoStoreSettings settings)
    {
        _settings = settings;
        _writeConcern = WriteConcern(settings);
        _releaseIfLive = [Set(OnlyIf(Live, Released()))];
    }

    /// <summary>Takes a lock that nobody holds, and changes nothing otherwise, for its own holder neither: <see cref="Extend"/> is for
    /// that, and every comparison that is not made here makes all locks cheaper.</summary>
    public BsonDocument Acquire(AcquireRequest request, TimeSpan ttl)
    {
        Lease lease = LeaseIfFree(ttl);
        var set = new BsonDocument
        {
            { "holder", If(Live, Holder, Literally(request.HolderId)) },
            { "owner", If(Live, "$owner", Literally(request.Owner)) },
            { "token", TokenIfLive },
            { "expiresAt", lease.ExpiresAt },
            { "purgeAt", lease.PurgeAt },
        };
        return new BsonDocument
        {
            { "findAndModify", _settings.Collection },
            { "query", Query(request.Key).Add("$nor", s_noLock) },
            { "upsert", true },
            { "new", true },
            { "update", new BsonArray { Set(set) } },
            { "fields", s_shown },
            { "writeConcern", _writeConcern },
        };
    }

    /// <summary>Lets the holder's lease last at least so long from now: it never ends sooner for it. The reply shows the document as it is
    /// then.</summary>
    public BsonDocument Extend(string key, string holderId, TimeSpan ttl)
    {
        (BsonValue end, BsonValue purge) = Ends(ttl);
        return Update(key, Mine(holderId),
            new() { { "expiresAt", Later(ExpiresAt, end) }, { "purgeAt", Later(PurgeAt, purge) }, { "change", NextChange } });
    }

    /// <summary>Sets the end of the holder's lease, sooner or to never, if nothing has changed since.</summary>
    /// <param name="key">The key.</param>
    /// <param name="ttl">From now; infinite: never.</param>
    /// <param name="seen">The document as the holder has seen it last. Its token is of one grant: a command that comes late does nothing to
    /// another grant, not even when the same id got that one.</param>
    public BsonDocument SetEnd(string key, TimeSpan ttl, MongoLockDocument seen)
    {
        (BsonValue end, BsonValue purge) = Ends(ttl);
        BsonValue unchanged = Call("$and", Live, Has(seen.Token), Call("$eq", ChangeOrZero, seen.Change));
        return Update(key, unchanged, new() { { "expiresAt", end }, { "purgeAt", purge }, { "change", NextChange } });
    }

    /// <summary>A waiter's question: takes the lock where nobody holds it and the asker is the first of the line; else takes a place in the
    /// line, and keeps it. The reply shows the document as it is then, or none: there is nothing to wait for.</summary>
    public BsonDocument Ask(AcquireRequest request, TimeSpan ttl, TimeSpan claim)
    {
        (BsonValue end, BsonValue purge) = Ends(ttl);
        return new BsonDocument
        {
            { "findAndModify", _settings.Collection },
            { "query", Query(request.Key).Add("$nor", s_noLock) },
            { "new", true },
            { "update", MongoLine.Ask(request, end, purge, Purge(MongoLine.Silence), claim) },
            { "fields", new BsonDocument(s_shown).AddRange(MongoLine.Shown(request.HolderId)) },
            { "writeConcern", _writeConcern },
        };
    }

    /// <summary>
    /// Releases one holder's lease where nobody waits. An update, which costs the server less than findAndModify; <c>nModified</c> says
    /// whether the lease was live, since an update that changes nothing is not counted (of a <c>$set</c>: some engines count a
    /// <c>$replaceWith</c> always).
    /// </summary>
    public BsonDocument Release(string key, string holderId) => new()
    {
        { "update", _settings.Collection },
        {
            "updates",
            new BsonArray
            {
                new BsonDocument { { "q", Query(key).Add("holder", holderId).Add("line", BsonNull.Value) }, { "u", _releaseIfLive } },
            }
        },
        { "writeConcern", _writeConcern },
    };

    /// <summary>Releases one holder's lease whoever waits, and hands the lock to the first of the line; a place of that holder's in the
    /// line is gone in any case. The reply shows the document as it was before.</summary>
    public BsonDocument GiveOn(string key, string holderId) => GiveOn(key, Mine(holderId), holderId);

    /// <summary>Takes the lock from whoever was granted it with this token; the reply shows the document as it was before. By the token,
    /// since a command that is repeated or comes late must not meet the next holder.</summary>
    public BsonDocument ForceRelease(string key, long token) => GiveOn(key, Call("$and", Live, Has(token)), leaving: null);

    public BsonDocument Get(string key) => Read(new BsonDocument("$match", Query(key).Add("$nor", s_noLock)));

    /// <summary>One page of a listing, ordered by <c>_id</c>. Pages need no cursor, which a server keeps for one session and a client may
    /// not get back to.</summary>
    /// <param name="prefix">What keys begin with.</param>
    /// <param name="after">The last <c>_id</c> of the page before; null for the first.</param>
    public BsonDocument List(string prefix, string? after)
    {
        string from = _settings.KeyPrefix + prefix;
        BsonDocument range = after is null ? new("$gte", from) : new("$gt", after);
        if (from.Length > 0) range.Add("$lt", from + s_behindEverything);
        var match = new BsonDocument { { "_id", range }, { "token", s_isToken }, { "expiresAt", new BsonDocument("$type", "date") },
            { "$nor", s_noLock } };
        return Read(new("$match", match), new("$sort", new BsonDocument("_id", 1)), new("$limit", PageSize));
    }

    /// <summary>Asks for what stands at a key, whatever it is.</summary>
    public BsonDocument Look(string key) => new()
    {
        { "find", _settings.Collection },
        { "filter", new BsonDocument("_id", _settings.KeyPrefix + key) },
        { "projection",
            new BsonDocument { { "holder", 1 }, { "owner", 1 }, { "token", 1 }, { "expiresAt", 1 }, { "purgeAt", 1 }, { "change", 1 } } },
        { "limit", 1 },
        { "singleBatch", true },
    };

    private BsonDocument Query(string key) => new() { { "_id", _settings.KeyPrefix + key }, { "token", s_isToken } };

    private static BsonDocument IsOf(string field, BsonValue types) => new(field, new BsonDocument("$type", types));

    /// <summary>All types but one, and null, which stands for a field that is not there.</summary>
    private static BsonArray OtherThan(string type) =>
        new(((string[])["number", "string", "object", "array", "binData", "objectId", "bool", "date", "regex", "javascript", "timestamp",
            "minKey", "maxKey"]).Where(other => other != type));

    /// <summary>No more than must change: each field costs the server a comparison and a write.</summary>
    private BsonDocument Released() => new() { { "expiresAt", BsonNull.Value }, { "purgeAt", Purge(TimeSpan.Zero) } };

    private BsonDocument Update(string key, BsonValue condition, BsonDocument fields) =>
        FindAndModify(Query(key), returnNew: true, [Set(OnlyIf(condition, fields))]);

    private BsonDocument GiveOn(string key, BsonValue condition, string? leaving) =>
        FindAndModify(Query(key).Add("$nor", s_noLock), returnNew: false,
            MongoLine.GiveOn(condition, leaving, Purge(TimeSpan.Zero), Purge(MongoLine.Silence)));

    private BsonDocument FindAndModify(BsonDocument query, bool returnNew, BsonArray stages) => new()
    {
        { "findAndModify", _settings.Collection },
        { "query", query },
        { "new", returnNew },
        { "update", stages },
        { "fields", s_shown },
        { "writeConcern", _writeConcern },
    };

    private static BsonDocument WriteConcern(MongoStoreSettings settings)
    {
        BsonDocument concern = new("w",
            int.TryParse(settings.WriteConcern, NumberStyles.None, CultureInfo.InvariantCulture, out int members)
            ? members : settings.WriteConcern);
        // Shorter than the client's own limit, so that the server's explanation arrives before the client gives up.
        if (settings.CommandTimeout != Timeout.InfiniteTimeSpan) concern.Add("wtimeout", Milliseconds(settings.CommandTimeout * 0.75));
        return concern;
    }

    private BsonDocument Read(params BsonDocument[] stages) => new()
    {
        { "aggregate", _settings.Collection },
        { "pipeline", new BsonArray(stages.Append(new BsonDocument("$project", s_shownToReaders))) },
        { "cursor", new BsonDocument("batchSize", PageSize + 1) },
    };

    /// <summary>The end of a lease that begins now, where none is live. Most leases of a store are equally long.</summary>
    private Lease LeaseIfFree(TimeSpan ttl)
    {
        if (Volatile.Read(ref _lastLease) is { } last && last.Ttl == ttl) return last;
        (BsonValue end, BsonValue purge) = Ends(ttl);
        var lease = new Lease(ttl, If(Live, ExpiresAt, end), If(Live, PurgeAt, purge));
        Volatile.Write(ref _lastLease, lease);
        return lease;
    }

    private (BsonValue End, BsonValue Purge) Ends(TimeSpan ttl) => ttl == Timeout.InfiniteTimeSpan
        ? (new BsonDateTime(Never), new BsonDateTime(Never))
        : (After(ttl), Purge(ttl));

    /// <summary>A millisecond later than the retention says: in the next one, time alone gives higher tokens than all that were given out
    /// in this one.</summary>
    private BsonDocument Purge(TimeSpan ttl) => After(ttl + _settings.FenceRetention + TimeSpan.FromMilliseconds(1));

    private sealed record Lease(TimeSpan Ttl, BsonValue ExpiresAt, BsonValue PurgeAt);
}
