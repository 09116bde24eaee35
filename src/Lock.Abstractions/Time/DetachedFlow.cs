namespace Locking;

/// <summary>Starts what outlives its caller: without the caller's flow (tenant, request, trace), which it would otherwise keep for good.</summary>
public static class DetachedFlow
{
    /// <summary>As <see cref="Task.Run(Func{Task})"/>.</summary>
    /// <param name="start">Runs on the thread pool.</param>
    public static Task Run(Func<Task> start) => Make(() => Task.Run(start));

    /// <inheritdoc cref="Run(Func{Task})"/>
    public static Task<T> Run<T>(Func<Task<T>> start) => Make(() => Task.Run(start));

    /// <summary>Makes a thing that keeps the flow of whoever makes it: a timer, a task that goes on.</summary>
    /// <param name="make">Runs here and now.</param>
    public static T Make<T>(Func<T> make)
    {
        ArgumentNullException.ThrowIfNull(make);
        if (ExecutionContext.IsFlowSuppressed())
            return make();
        using (ExecutionContext.SuppressFlow())
            return make();
    }
}
