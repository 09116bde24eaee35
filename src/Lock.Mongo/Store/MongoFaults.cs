using MongoDB.Bson;

namespace Locking;

/// <summary>Tells what a refusal means for the step: may it work later, may it have been applied.</summary>
internal static class MongoFaults
{
    public const int DuplicateKey = 11000;
    public const int NamespaceExists = 48;
    public const int IndexOptionsConflict = 85;
    public const int IndexKeySpecsConflict = 86;

    /// <summary>Who sends a command that is refused so knows what to do.</summary>
    private static readonly int[] s_expectedCodes = [DuplicateKey, NamespaceExists, IndexOptionsConflict, IndexKeySpecsConflict];

    private static readonly int[] s_transientCodes =
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
    private static readonly int[] s_ambiguousCodes = [6, 7, 50, 64, 89, 91, 189, 262, 365, 9001, 11600, 11602];

    /// <summary>The same may work later without anybody changing anything.</summary>
    public static bool IsTransient(int code) => s_transientCodes.Contains(code);

    /// <summary>Turns a reply that is not plainly good into an exception.</summary>
    /// <param name="reply">The reply.</param>
    /// <param name="what">What was asked for, for the message.</param>
    /// <param name="key">The key that it was asked for, if any.</param>
    /// <exception cref="MongoRefusedException">Somebody was faster, or something is in the way: the caller's to deal with.</exception>
    /// <exception cref="LockStoreException">Anything else.</exception>
    public static void ThrowIfFailed(BsonDocument reply, string what, string? key = null)
    {
        MongoReply parsed = MongoReply.Parse(reply);
        if (parsed is { Ok: true, HasParts: false }) return;
        if (key is not null) what = $"{what} '{key}'";
        if (!parsed.Ok)
        {
            if (s_expectedCodes.Contains(parsed.Code)) throw new MongoRefusedException(parsed.Code, parsed.Message, reply);
            throw MongoFailure.Create(
                $"MongoDB refused {what}: {parsed.Message} (code {parsed.Code}).{Advice(parsed.Code)}", IsTransient(parsed.Code),
                    s_ambiguousCodes.Contains(parsed.Code));
        }

        ThrowIfNotWritten(reply, what);
        ThrowIfNotConfirmed(reply, what);
    }

    /// <summary>An update reports its own failures in a list, and says that the command worked.</summary>
    private static void ThrowIfNotWritten(BsonDocument reply, string what)
    {
        if (reply.GetValue("writeErrors", BsonNull.Value) is not BsonArray { Count: > 0 } errors || errors[0] is not BsonDocument error)
            return;
        int code = error.Int("code");
        throw MongoFailure.Create($"MongoDB refused {what}: {error.Text("errmsg")} (code {code}).{Advice(code)}", IsTransient(code),
            s_ambiguousCodes.Contains(code));
    }

    private static void ThrowIfNotConfirmed(BsonDocument reply, string what)
    {
        if (reply.GetValue("writeConcernError", BsonNull.Value) is not BsonDocument error) return;
        int code = error.Int("code");
        // Applied at the primary, but a new primary may not know of it: neither yes nor no.
        throw MongoFailure.Create($"MongoDB did not confirm {what} with the write concern asked for: {error.Text("errmsg")} (code "
            + $"{code}).{Advice(code)}", code is not (79 or 100), mayHaveRun: true);
    }

    private static string Advice(int code) => code switch
    {
        13 => " Give a user that may read and write the collection and create an index on it (role readWrite).",
        18 => " Check connection.username, connection.password and authSource.",
        79 or 100 => " Check connection.writeConcern (majority, or at most as many members as hold data).",
        _ => "",
    };
}
