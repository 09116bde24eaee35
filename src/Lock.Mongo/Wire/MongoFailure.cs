namespace Locking;

/// <summary>Makes the exception for a command that got no usable reply.</summary>
internal static class MongoFailure
{
    /// <param name="message">What happened, and with which server. Holds no password.</param>
    /// <param name="isTransient">Whether the same command may succeed later without anybody changing anything.</param>
    /// <param name="mayHaveRun">Whether the server may have carried the command out.</param>
    /// <param name="innerException">What the network said, if anything.</param>
    /// <summary>Creates it.</summary>
    public static LockStoreException Create(string message, bool isTransient, bool mayHaveRun, Exception? innerException = null) =>
        new(message, isTransient, innerException) { MayHaveBeenApplied = mayHaveRun };
}
