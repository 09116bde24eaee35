namespace Locking;

/// <summary>The backend failed or did not answer. One type for all backends; the driver's exception is inside.</summary>
public sealed class LockStoreException : LockException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">What failed and what to do about it, without secrets.</param>
    /// <param name="isTransient">Whether the same request may succeed later: a connection lost, a time-out, a failover.</param>
    /// <param name="innerException">The driver's exception.</param>
    public LockStoreException(string message, bool isTransient, Exception? innerException = null)
        : base(message, innerException)
    {
        IsTransient = isTransient;
    }

    /// <summary>Whether the same request may succeed later. False for what needs a person: a wrong password, a refused command.</summary>
    public bool IsTransient { get; }

    /// <summary>
    /// Whether the step may have been applied although no answer came; true unless the provider knows better (nothing was sent, or the
    /// backend refused the step before doing anything).
    /// </summary>
    public bool MayHaveBeenApplied { get; init; } = true;
}
