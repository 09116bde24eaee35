using MongoDB.Bson;

namespace Locking;

/// <summary>Makes the exception for a command that got no usable reply.</summary>
internal static class MongoFailure
{
    /// <summary>Creates it.</summary>
    /// <param name="message">What happened, and with which server. Holds no password.</param>
    /// <param name="isTransient">Whether the same command may succeed later without anybody changing anything.</param>
    /// <param name="mayHaveRun">Whether the server may have carried the command out.</param>
    /// <param name="innerException">What the driver said, if anything.</param>
    public static LockStoreException Create(string message, bool isTransient, bool mayHaveRun, Exception? innerException = null) =>
        new(message, isTransient, innerException) { MayHaveBeenApplied = mayHaveRun };
}

/// <summary>The server answered that it did not carry a command out, in a way that the caller deals with.</summary>
internal sealed class MongoRefusedException(int code, string message, BsonDocument reply) : Exception(message)
{
    /// <summary>MongoDB's number for the error, or 0 when the reply had none.</summary>
    public int Code { get; } = code;

    /// <summary>All that the server said.</summary>
    public BsonDocument Reply { get; } = reply;
}
