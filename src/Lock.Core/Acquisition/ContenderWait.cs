namespace Locking;

/// <summary>How one contender waits for a lock that somebody else holds: until it makes sense to ask again.</summary>
/// <remarks>Made when it first has to wait.</remarks>
internal sealed class ContenderWait(StoreClient store, KeyTurns turns, string key, WaitBudget budget)
{
    private readonly RetryPace _pace = new(budget.Options, store.Clock.Time);
    private readonly ContenderWatch? _watch =
        store.CanBeWatched && budget.Options.Wait != WaitMode.Poll && !budget.Options.IsSingleAttempt
            ? new ContenderWatch(store, turns, key)
            : null;

    /// <summary>Who had to wait for its turn will most likely have to wait for the lock too: listening first saves one request.</summary>
    public async ValueTask ListenAsync(string holderId, CancellationToken cancellationToken)
    {
        if (_watch is not null && !store.Waits)
            await _watch.TryOpenAsync(holderId, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Waits.</summary>
    /// <param name="busy">The last answer.</param>
    /// <param name="holderId">Who waits, for the log.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>Whether the attempt ends with it, and the next request is another one.</returns>
    public async ValueTask<bool> WaitAsync(AcquireReply busy, string holderId, CancellationToken cancellationToken)
    {
        if (store.Waits)
        {
            // The store waits. Where it answers busy before the time is up (its queue is full, say), it is not asked in a tight loop.
            if (busy.HolderRemaining != TimeSpan.Zero)
            {
                TimeSpan delay = WaitBudget.Within(budget.Options.RetryDelay, budget.QueueTimeLeft);
                await turns.PauseAsync(key, delay, cancellationToken).ConfigureAwait(false);
            }

            return false;
        }

        // Subscribe, then try again, then wait: a release between the first try and the subscription is not missed.
        if (_watch is { IsOpen: false } && await _watch.TryOpenAsync(holderId, cancellationToken).ConfigureAwait(false))
            return false;
        TimeSpan pause = _pace.Next(busy, isWatching: _watch is { IsOpen: true }, out bool endsAttempt);
        TimeSpan left = budget.TimeLeft;
        if (left != Timeout.InfiniteTimeSpan && left < pause)
        {
            pause = left;
            endsAttempt = true;
        }

        bool woken = _watch is { IsOpen: true }
            ? await _watch.WaitAsync(pause, holderId, cancellationToken).ConfigureAwait(false)
            : await turns.PauseAsync(key, pause, cancellationToken).ConfigureAwait(false);
        if (woken || !endsAttempt)
            return false;
        _pace.AttemptEnded();
        return true;
    }

    /// <summary>The contender leaves.</summary>
    public void Close() => _watch?.Close();
}
