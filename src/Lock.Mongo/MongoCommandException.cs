namespace Locking;

/// <summary>The server answered that it did not carry a command out.</summary>
internal sealed class MongoCommandException(int code, string message) : Exception(message)
{
    /// <summary>MongoDB's number for the error, or 0 when the reply had none.</summary>
    public int Code { get; } = code;
}
