namespace Locking;

/// <summary>Tells what a refusal means for the step: may it work later, may it have been applied.</summary>
internal static class MongoFaults
{
    public const int DuplicateKey = 11000;

    private static readonly int[] TransientCodes =
    [
        6, 7, 9001, // network, between the members
        24, 46, 112, 246, // lock and write conflicts, snapshot
        50, 262, // time limits
        64, // the members did not confirm in time
        89, // network time-out
        91, 189, 10107, 11600, 11602, 13435, 13436, // the primary changes or stops
        225, // too many files open
        365, // a time-out between shards
    ];

    /// <summary>The command was under way when it was cut off.</summary>
    private static readonly int[] AmbiguousCodes = [6, 7, 50, 64, 89, 91, 189, 262, 365, 9001, 11600, 11602];

    /// <summary>Turns a reply that is not plainly good into an exception.</summary>
    /// <param name="reply">The reply.</param>
    /// <param name="what">What was asked for, for the message.</param>
    /// <param name="key">The key that it was asked for, if any.</param>
    /// <exception cref="MongoCommandException">A duplicate key, which is the caller's to deal with.</exception>
    /// <exception cref="LockStoreException">Anything else.</exception>
    public static void ThrowIfFailed(ReadOnlySpan<byte> reply, string what, string? key = null)
    {
        MongoReply parsed = MongoReply.Parse(reply);
        if (parsed is { Ok: true, HasParts: false }) return;
        if (key is not null) what = $"{what} '{key}'";
        if (!parsed.Ok)
        {
            if (parsed.Code == DuplicateKey) throw new MongoCommandException(parsed.Code, parsed.Message);
            throw MongoFailure.Create(
                $"MongoDB refused {what}: {parsed.Message} (code {parsed.Code}).{Advice(parsed.Code)}", TransientCodes.Contains(parsed.Code), AmbiguousCodes.Contains(parsed.Code));
        }

        ThrowIfNotWritten(reply, what);
        ThrowIfNotConfirmed(reply, what);
    }

    /// <summary>An update reports its own failures in a list, and says that the command worked.</summary>
    private static void ThrowIfNotWritten(ReadOnlySpan<byte> reply, string what)
    {
        if (!BsonReader.TryFind(reply, "writeErrors"u8, out BsonElement errors) || errors.Type != BsonType.Array) return;
        if (!BsonReader.TryFind(errors.AsDocument(), "0"u8, out BsonElement error)) return;
        int code = BsonReader.TryFind(error.AsDocument(), "code"u8, out BsonElement number) ? (int)number.AsNumber() : 0;
        string message = BsonReader.TryFind(error.AsDocument(), "errmsg"u8, out BsonElement text) ? text.AsString() : "";
        throw MongoFailure.Create($"MongoDB refused {what}: {message} (code {code}).{Advice(code)}", TransientCodes.Contains(code), AmbiguousCodes.Contains(code));
    }

    private static void ThrowIfNotConfirmed(ReadOnlySpan<byte> reply, string what)
    {
        if (!BsonReader.TryFind(reply, "writeConcernError"u8, out BsonElement error) || error.Type == BsonType.Null) return;
        int code = BsonReader.TryFind(error.AsDocument(), "code"u8, out BsonElement number) ? (int)number.AsNumber() : 0;
        string message = BsonReader.TryFind(error.AsDocument(), "errmsg"u8, out BsonElement text) ? text.AsString() : "";
        // Applied at the primary, but a new primary may not know of it: neither yes nor no.
        throw MongoFailure.Create($"MongoDB did not confirm {what} with the write concern asked for: {message} (code {code}).{Advice(code)}", code is not (79 or 100), mayHaveRun: true);
    }

    private static string Advice(int code) => code switch
    {
        13 => " Give a user that may read and write the collection and create an index on it (role readWrite).",
        18 => " Check connection.username, connection.password and authSource.",
        79 or 100 => " Check connection.writeConcern (majority, or at most as many members as hold data).",
        _ => "",
    };
}
