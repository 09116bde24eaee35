namespace Locking;

/// <summary>A contender's watch for releases of its key: opened when it first has to wait, closed when it leaves.</summary>
/// <remarks>A notice is a hint. Without one the contender polls, and its next round tries to watch again.</remarks>
internal sealed class ContenderWatch(StoreClient store, KeyTurns turns, string key) : ILateOutcome<IReleaseWatch>
{
    private IReleaseWatch? _watch;

    public bool IsOpen => _watch is not null;

    /// <summary>Subscribes.</summary>
    /// <returns>False when the backend cannot be watched now.</returns>
    public async ValueTask<bool> TryOpenAsync(string holderId, CancellationToken cancellationToken)
    {
        try
        {
            _watch = await store.WatchAsync(key, this, cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (LockStoreException exception) when (exception.IsTransient)
        {
            store.Failed("watch", key, holderId, exception);
            return false;
        }
    }

    /// <summary>Waits for a notice; by polling from the moment the watch fails, which closes it.</summary>
    /// <returns>True when somebody has released the key, false when the time is up.</returns>
    public async ValueTask<bool> WaitAsync(TimeSpan pause, string holderId, CancellationToken cancellationToken)
    {
        try
        {
            return await store.WaitAsync(_watch!, pause, cancellationToken).ConfigureAwait(false);
        }
        catch (LockStoreException exception)
        {
            store.Failed("watch", key, holderId, exception);
            Close();
            return await turns.PauseAsync(key, pause, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Nobody waits for the end of a watch: it may take a round trip, or fail, and the caller has what it came for.</summary>
    public void Close()
    {
        if (_watch is not { } watch)
            return;
        _watch = null;
        Close(watch);
    }

    private static void Close(IReleaseWatch watch) =>
        StoreCalls.Observe(Task.Run(async () => await watch.DisposeAsync().ConfigureAwait(false)));

    /// <summary>A watch whose caller has left is closed when it comes at last.</summary>
    void ILateOutcome<IReleaseWatch>.OnAbandoned(Task<IReleaseWatch> step) =>
        _ = step.ContinueWith(
            static task =>
            {
                if (task.IsFaulted)
                    _ = task.Exception;
                else if (task.IsCompletedSuccessfully)
                    Close(task.Result);
            },
            CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
}
