namespace Locking;

/// <summary>What became of a lock that was to be given back.</summary>
public enum UnlockOutcome
{
    /// <summary>The backend did not answer in time: the lock may still be held, and then ends with its TTL.</summary>
    Unknown = 0,

    /// <summary>The grant held the lock and holds it no more.</summary>
    Released = 1,

    /// <summary>The grant did not hold the lock any more, and nobody else does: it ran out or was taken away.</summary>
    AlreadyExpired = 2,

    /// <summary>The grant did not hold the lock any more; somebody else does, and keeps it.</summary>
    HeldByAnother = 3,
}
