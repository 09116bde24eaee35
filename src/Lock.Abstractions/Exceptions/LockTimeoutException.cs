namespace Locking;

/// <summary>The lock was not free within the wait. Nothing was taken.</summary>
public sealed class LockTimeoutException : LockException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="key">The whole key that was asked for.</param>
    /// <param name="waited">How long the caller waited.</param>
    /// <param name="attempts">How many attempts were made.</param>
    public LockTimeoutException(string key, TimeSpan waited, int attempts)
        : this(key, waited, attempts, ownHolder: null)
    {
    }

    /// <summary>Creates the exception for a lock that may have waited for itself.</summary>
    /// <param name="key">The whole key that was asked for.</param>
    /// <param name="waited">How long the caller waited.</param>
    /// <param name="attempts">How many attempts were made.</param>
    /// <param name="ownHolder">Who holds the lock through the same <see cref="ILock"/>, in words; null when it is somebody else's.</param>
    public LockTimeoutException(string key, TimeSpan waited, int attempts, string? ownHolder)
        : base($"The lock '{key}' was not free within {waited.TotalMilliseconds:0} ms ({attempts} attempt(s)): "
            + (ownHolder is null
                ? "somebody else holds it. Raise waitTimeout or retryCount to wait longer."
                : $"the same ILock object holds it ({ownHolder}). Locks are not re-entrant: who asks again waits for itself."))
    {
        Key = key;
        Waited = waited;
        Attempts = attempts;
    }

    /// <summary>The whole key that was asked for.</summary>
    public string Key { get; }

    /// <summary>How long the caller waited.</summary>
    public TimeSpan Waited { get; }

    /// <summary>How many attempts were made.</summary>
    public int Attempts { get; }
}
