namespace Locking.Providers;

/// <summary>A store's answer to an extend or a release.</summary>
public enum StoreReply
{
    /// <summary>Nobody holds the lock; nothing has changed.</summary>
    NotHeld = 0,

    /// <summary>The holder held the lock, and the step was done.</summary>
    Done = 1,

    /// <summary>Somebody else holds the lock; nothing has changed.</summary>
    HeldByAnother = 2,
}
