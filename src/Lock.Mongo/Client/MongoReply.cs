using MongoDB.Bson;

namespace Locking;

/// <summary>What every reply has in common: whether it worked, else why not.</summary>
/// <param name="Ok">The command as a whole worked.</param>
/// <param name="Code">MongoDB's number for the error, or 0.</param>
/// <param name="Message">What the server says about it.</param>
/// <param name="HasParts">Errors of single writes, or of the write concern, are listed, though the command as a whole worked.</param>
internal readonly record struct MongoReply(bool Ok, int Code, string Message, bool HasParts)
{
    /// <summary>The server refused before it did anything: it is not, or not any more, the one that takes writes. Other answers of that
    /// kind may come while a command is under way.</summary>
    public bool IsRefusedBeforeRunning => Code is 10107 or 13435;

    /// <summary>Reads the fields that every reply has.</summary>
    public static MongoReply Parse(BsonDocument reply) =>
        new(reply.Flag("ok"), reply.Int("code"), reply.Text("errmsg"),
            reply.Contains("writeErrors") || reply.Contains("writeConcernError"));

    /// <summary>Turns a refusal into an exception.</summary>
    /// <exception cref="MongoRefusedException">The reply says that the command did not work.</exception>
    public static void ThrowIfNotOk(BsonDocument reply)
    {
        MongoReply parsed = Parse(reply);
        if (!parsed.Ok) throw new MongoRefusedException(parsed.Code, parsed.Message, reply);
    }
}
