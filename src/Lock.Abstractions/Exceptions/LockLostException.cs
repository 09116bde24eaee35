namespace Locking;

/// <summary>The lease is lost: the caller does not hold the lock any more, and somebody else may.</summary>
public sealed class LockLostException : LockException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="key">The whole key of the lease.</param>
    /// <param name="id">The id of the grant.</param>
    /// <param name="reason">Why it was lost.</param>
    public LockLostException(string key, string id, LostReason reason)
        : base($"The lock '{key}' (id {id}) is lost: {Describe(reason)}")
    {
        Key = key;
        Id = id;
        Reason = reason;
    }

    /// <summary>The whole key of the lease.</summary>
    public string Key { get; }

    /// <summary>The id of the grant.</summary>
    public string Id { get; }

    /// <summary>Why it was lost.</summary>
    public LostReason Reason { get; }

    private static string Describe(LostReason reason) => reason switch
    {
        LostReason.Expired => "its lease ran out (not renewed in time, or the process was paused).",
        LostReason.HeldByAnother => "somebody else holds it.",
        LostReason.Removed => "the backend does not know it any more (forced, flushed or restarted).",
        LostReason.Forced => "somebody took it away by force.",
        LostReason.SessionLost => "the session with the backend is gone.",
        LostReason.MaxHoldReached => "maxHold was reached.",
        LostReason.LockDisposed => "the ILock that granted it was disposed.",
        _ => reason.ToString(),
    };
}
