namespace Locking;

/// <summary>Calls a store and holds it to the contract: prompt cancellation, and one type of exception for a failure.</summary>
internal static class StoreCalls
{
    /// <summary>Awaits a step, but no longer than the token allows, whatever the store is doing.</summary>
    /// <param name="step">Begins the step; may throw at once, which counts as any other failure.</param>
    /// <param name="arguments">What the step needs.</param>
    /// <param name="backend">The store's type, for the message.</param>
    /// <param name="abandoned">Called with the step when it is left running, so that its late outcome can be put right; or null.</param>
    /// <param name="cancellationToken">The limit.</param>
    public static ValueTask<T> AwaitAsync<TArguments, T>(
        Func<TArguments, CancellationToken, ValueTask<T>> step,
        TArguments arguments,
        string backend,
        Action<Task<T>>? abandoned,
        CancellationToken cancellationToken)
    {
        // The asynchronous part is generic over the result alone: over tuples of references no compiler has its code ready at start-up.
        ValueTask<T> begun;
        try
        {
            begun = step(arguments, cancellationToken);
        }
        catch (Exception exception)
        {
            begun = ValueTask.FromException<T>(exception);
        }

        return AwaitAsync(begun, backend, abandoned, cancellationToken);
    }

    private static async ValueTask<T> AwaitAsync<T>(
        ValueTask<T> begun, string backend, Action<Task<T>>? abandoned, CancellationToken cancellationToken)
    {
        Task<T>? task = null;
        try
        {
            if (begun.IsCompleted || !cancellationToken.CanBeCanceled)
                return await begun.ConfigureAwait(false);
            task = begun.AsTask();
            return await task.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (task is { IsCompleted: false } && cancellationToken.IsCancellationRequested)
        {
            (abandoned ?? Observe)(task);
            throw;
        }
        catch (LockStoreException)
        {
            throw;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The step may have failed in the moment between the cancellation and here.
            if (task is not null)
                Observe(task);
            throw;
        }
        catch (OperationCanceledException exception)
        {
            throw new LockStoreException($"The {backend} backend gave up a request by itself; it may be overloaded.", isTransient: true, exception);
        }
        catch (Exception exception) when (exception is not ArgumentException)
        {
            throw new LockStoreException($"The {backend} backend failed unexpectedly ({exception.GetType().Name}).", isTransient: false, exception);
        }
    }

    /// <summary>A step that nobody waits for any more may fail in silence.</summary>
    public static void Observe(Task task) =>
        _ = task.ContinueWith(static t => t.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
}
