namespace Locking;

/// <summary>Why a lease was lost.</summary>
public enum LostReason
{
    /// <summary>The lease ran out: it was not renewed, the backend did not answer in time, or the process was paused.</summary>
    Expired = 1,

    /// <summary>The backend says that somebody else holds the lock.</summary>
    HeldByAnother = 2,

    /// <summary>The backend says that nobody holds the lock: it was forced, flushed, or the backend lost its memory.</summary>
    Removed = 3,

    /// <summary>Somebody took the lock away by force.</summary>
    Forced = 4,

    /// <summary>The session with the backend is gone for good, and its locks with it.</summary>
    SessionLost = 5,

    /// <summary><see cref="LockOptions.MaxHold"/> was reached.</summary>
    MaxHoldReached = 6,

    /// <summary>The <see cref="ILock"/> that granted it was disposed, and gave the lock back.</summary>
    LockDisposed = 7,
}
