namespace Locking;

/// <summary>Ends a task from a thread of the engine's own, whatever the thread pool is doing.</summary>
internal static class EndOnTime
{
    /// <summary>Completes a task whose awaiter may be anybody's code. Who blocks in a wait for it is woken here and now; what awaits it
    /// goes on on the thread pool.</summary>
    /// <param name="complete">Sets the task's outcome.</param>
    /// <param name="state">What it needs.</param>
    public static void Complete<T>(Action<T> complete, T state)
    {
        // The runtime runs no continuation of an await on a thread that has a context of its own.
        SynchronizationContext? before = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(Marker.Instance);
        try
        {
            complete(state);
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(before);
        }
    }

    private sealed class Marker : SynchronizationContext
    {
        public static readonly Marker Instance = new();

        public override SynchronizationContext CreateCopy() => this;
    }
}
