namespace Locking;

/// <summary>The base of what Lock throws of its own.</summary>
public abstract class LockException : Exception
{
    private protected LockException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }
}
