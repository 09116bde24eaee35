namespace Locking;

/// <summary>How a waiter learns that a lock is free.</summary>
public enum WaitMode
{
    /// <summary>By notice where the backend can give one, else by polling.</summary>
    Auto = 0,

    /// <summary>By notice, with polling only as a safety net.</summary>
    Notify = 1,

    /// <summary>By polling alone.</summary>
    Poll = 2,
}
