namespace Locking;

/// <summary>Calls a store and holds it to the contract: prompt cancellation, and one type of exception for a failure.</summary>
internal static class StoreCalls
{
    /// <summary>Awaits a step, but no longer than the token allows, whatever the store is doing.</summary>
    /// <param name="step">The step, already begun.</param>
    /// <param name="backend">The store's type, for the message.</param>
    /// <param name="abandoned">Called with the step when it is left running, so that its late outcome can be put right; or null.</param>
    /// <param name="cancellationToken">The limit.</param>
    public static async ValueTask<T> AwaitAsync<T>(
        ValueTask<T> step, string backend, Action<Task<T>>? abandoned, CancellationToken cancellationToken)
    {
        if (step.IsCompleted || !cancellationToken.CanBeCanceled)
            return await Classified(step, backend, cancellationToken).ConfigureAwait(false);
        var task = step.AsTask();
        try
        {
            return await Classified(new ValueTask<T>(task.WaitAsync(cancellationToken)), backend, cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!task.IsCompleted)
        {
            if (abandoned is not null)
                abandoned(task);
            else
                _ = task.ContinueWith(static t => t.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            throw;
        }
    }

    private static async ValueTask<T> Classified<T>(ValueTask<T> step, string backend, CancellationToken cancellationToken)
    {
        try
        {
            return await step.ConfigureAwait(false);
        }
        catch (LockStoreException)
        {
            throw;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
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
}
