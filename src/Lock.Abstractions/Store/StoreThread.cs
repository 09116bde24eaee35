namespace Locking;

/// <summary>Tells a store who asks.</summary>
/// <remarks>
/// Renewals are asked for on threads of the engine's own, so that a lease does not depend on what else a program does on the thread pool. What follows
/// the answer to such a request is the engine's code alone, short and never blocking: a store may go on with it on whatever thread has read
/// the answer, and should, where that is not the pool's. After any other request may come a caller's code, which belongs on the pool.
/// </remarks>
public static class StoreThread
{
    [ThreadStatic]
    private static bool _isEngine;

    /// <summary>Whether the calling thread is the engine's own; a request must be marked when it is made, since its steps may run anywhere.</summary>
    public static bool IsEngine => _isEngine;

    /// <summary>Marks the calling thread as the engine's own, for as long as it lives.</summary>
    internal static void BecomeEngine() => _isEngine = true;
}
