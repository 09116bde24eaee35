namespace Locking;

/// <summary>A command got no reply that could be used.</summary>
/// <param name="message">What happened, and with which server. Holds no password.</param>
/// <param name="isTransient">Whether the same command may succeed later without anybody changing anything.</param>
/// <param name="mayHaveRun">Whether the server may have carried the command out.</param>
/// <param name="innerException">What the network said, if anything.</param>
public sealed class MongoConnectionException(string message, bool isTransient, bool mayHaveRun, Exception? innerException = null)
    : Exception(message, innerException)
{
    /// <summary>Whether the same command may succeed later without anybody changing anything.</summary>
    public bool IsTransient { get; } = isTransient;

    /// <summary>Whether the server may have carried the command out. <see langword="false"/>: it certainly did not.</summary>
    public bool MayHaveRun { get; } = mayHaveRun;
}
