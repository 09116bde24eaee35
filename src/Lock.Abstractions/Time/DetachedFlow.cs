namespace Locking.Providers;

/// <summary>Starts what outlives its caller: without the caller's flow (tenant, request, trace), which it would otherwise keep for
/// good.</summary>
public static class DetachedFlow
{
    /// <summary>Starts a thing that keeps the flow of whoever starts it: a task that goes on, a timer.</summary>
    /// <param name="start">Runs here and now, and returns at once.</param>
    /// <returns>What it returns.</returns>
    public static T Start<T>(Func<T> start)
    {
        ArgumentNullException.ThrowIfNull(start);
        if (ExecutionContext.IsFlowSuppressed())
            return start();
        using (ExecutionContext.SuppressFlow())
            return start();
    }
}
