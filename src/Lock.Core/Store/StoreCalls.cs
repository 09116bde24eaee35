namespace Locking;

/// <summary>Calls a store and holds it to the contract: prompt cancellation, and one type of exception for a failure.</summary>
internal static class StoreCalls
{
    /// <summary>Awaits a step, but no longer than the token and the limit allow, whatever the store is doing.</summary>
    /// <param name="step">Begins the step; may throw at once, which counts as any other failure.</param>
    /// <param name="arguments">What the step needs.</param>
    /// <param name="backend">The store's type, for the message.</param>
    /// <param name="late">Told of the step when it is left running, so that its late outcome can be put right; or null.</param>
    /// <param name="cancellationToken">Ends the wait at once, and is given to the store.</param>
    /// <param name="limit">Ends the wait at its moment; the store is not told, it has a time limit of its own.</param>
    public static ValueTask<T> AwaitAsync<TArguments, T>(
        Func<TArguments, CancellationToken, ValueTask<T>> step,
        TArguments arguments,
        string backend,
        ILateOutcome<T>? late,
        CancellationToken cancellationToken,
        StepLimit limit = default)
    {
        // What waits is generic over the result alone: over tuples of references no compiler has its code ready at start-up.
        ValueTask<T> begun;
        try
        {
            begun = step(arguments, cancellationToken);
        }
        catch (Exception exception)
        {
            return ValueTask.FromException<T>(Failure(exception, backend, cancellationToken));
        }

        return begun.IsCompletedSuccessfully ? begun : StoreStep<T>.AwaitAsync(begun, backend, late, limit, cancellationToken);
    }

    /// <summary>What a caller is told of a step that threw.</summary>
    public static Exception Failure(Exception exception, string backend, CancellationToken cancellationToken) => exception switch
    {
        LockStoreException or ArgumentException => exception,
        OperationCanceledException when cancellationToken.IsCancellationRequested => exception,
        OperationCanceledException => new LockStoreException(
            $"The {backend} backend gave up a request by itself; it may be overloaded.", isTransient: true, exception),
        _ => new LockStoreException(
            $"The {backend} backend failed unexpectedly ({exception.GetType().Name}).", isTransient: false, exception),
    };

    /// <summary>Disposes a token source that is linked to others. Where it has been cancelled that would wait for the cancellation to be
    /// over, and with it for whatever the store does in it: so somebody else waits.</summary>
    public static void Dispose(CancellationTokenSource linked)
    {
        if (linked.IsCancellationRequested)
            ThreadPool.UnsafeQueueUserWorkItem(static linked => linked.Dispose(), linked, preferLocal: false);
        else
            linked.Dispose();
    }

    /// <summary>A step that nobody waits for any more may fail in silence.</summary>
    public static void Observe(Task task) =>
        _ = task.ContinueWith(
            static t => t.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
}
