using MongoDB.Bson;

namespace Locking;

/// <summary>The words that the store's updates are made of: expressions that the server works out on the document that it meets.</summary>
internal static class MongoExpressions
{
    public static readonly BsonValue Now = "$$NOW";
    public static readonly BsonValue Holder = "$holder";
    public static readonly BsonValue Owner = "$owner";
    public static readonly BsonValue ExpiresAt = "$expiresAt";
    public static readonly BsonValue PurgeAt = "$purgeAt";
    public static readonly BsonValue Token = "$token";
    public static readonly BsonValue ChangeOrZero = Call("$ifNull", "$change", 0L);
    public static readonly BsonValue NextChange = Call("$add", ChangeOrZero, 1L);

    /// <summary>Somebody holds it: there is an end, and it is not yet over. A missing one and null come before every date.</summary>
    public static readonly BsonValue Live = Call("$gt", ExpiresAt, Now);

    /// <summary>Above the last one, and at least the server's time in microseconds: rises even when the counter was purged. Without a last
    /// one the sum is null, which the maximum passes over.</summary>
    public static readonly BsonValue NextToken = Call("$max", Call("$add", Token, 1L), Call("$multiply", Call("$toLong", Now), 1000L));

    public static readonly BsonValue TokenIfLive = If(Live, Token, NextToken);

    /// <summary>An operator on its arguments.</summary>
    public static BsonDocument Call(string name, params ReadOnlySpan<BsonValue> arguments)
    {
        BsonArray list = new(arguments.Length);
        foreach (BsonValue argument in arguments)
            list.Add(argument);
        return new BsonDocument(name, list);
    }

    public static BsonDocument If(BsonValue condition, BsonValue then, BsonValue otherwise) => Call("$cond", condition, then, otherwise);

    /// <summary>These fields where a condition holds; elsewhere they stay as they are.</summary>
    public static BsonDocument OnlyIf(BsonValue condition, BsonDocument fields) =>
        new(fields.Select(field => new BsonElement(field.Name, If(condition, field.Value, "$" + field.Name))));

    public static BsonDocument Set(BsonDocument fields) => new("$set", fields);

    /// <summary>A text as it is: one that begins with <c>$</c> would be taken for a field's path.</summary>
    public static BsonValue Literally(string text) => text.StartsWith('$') ? new BsonDocument("$literal", text) : text;

    /// <summary>This holder's lease lives.</summary>
    public static BsonDocument Mine(string holderId) => Call("$and", Live, Call("$eq", Holder, Literally(holderId)));

    /// <summary>It is the grant that got this token.</summary>
    public static BsonDocument Has(long token) => Call("$eq", Token, token);

    public static BsonDocument Later(BsonValue end, BsonValue other) => Call("$max", end, other);

    public static BsonDocument After(TimeSpan span) => Call("$add", Now, Milliseconds(span));

    /// <summary>Rounded up: a lease may last longer in the store than its holder relies on it, never shorter.</summary>
    public static long Milliseconds(TimeSpan span) => (span.Ticks + TimeSpan.TicksPerMillisecond - 1) / TimeSpan.TicksPerMillisecond;
}
