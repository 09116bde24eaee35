namespace Locking;

/// <summary>Starts what outlives its caller: it keeps nothing of the caller's context, which may be a request's, a tenant's or a trace's.</summary>
internal static class Detached
{
    /// <summary>Runs on the pool.</summary>
    public static Task Run(Func<Task> work) => Without(() => Task.Run(work, CancellationToken.None));

    /// <summary>Runs on the pool.</summary>
    public static Task<T> Run<T>(Func<Task<T>> work) => Without(() => Task.Run(work, CancellationToken.None));

    /// <summary>Does it here, without the context.</summary>
    public static T Without<T>(Func<T> work)
    {
        if (ExecutionContext.IsFlowSuppressed())
            return work();
        using (ExecutionContext.SuppressFlow())
            return work();
    }
}
