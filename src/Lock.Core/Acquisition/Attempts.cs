namespace Locking;

/// <summary>Counts what one call has tried, and decides from that and from its <see cref="WaitBudget"/> what comes next. Asks
/// nobody.</summary>
/// <param name="budget">What it may wait.</param>
/// <param name="inQueue">Whether the store keeps the queue: then attempts are counted by time.</param>
internal struct Attempts(WaitBudget budget, bool inQueue)
{
    /// <summary>A backend that has been silent for so long from the start is reported.</summary>
    internal static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan s_firstFailurePause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan s_longestFailurePause = TimeSpan.FromSeconds(1);

    private int _count;
    private int _failures;

    public readonly WaitBudget Budget => budget;

    /// <summary>The number of the attempt that is under way, from 1.</summary>
    public readonly int Count => Math.Max(1, _count);

    /// <summary>Whether the last request failed.</summary>
    public readonly bool HasFailed => _failures > 0;

    /// <summary>The next attempt begins, or the last one has ended.</summary>
    public void Next() => _count++;

    /// <summary>The call has stood in line: the attempts before this moment are those that its time amounts to.</summary>
    public void CountLine(bool hasTurn) => _count = budget.AttemptByTime - (hasTurn ? 1 : 0);

    /// <summary>The backend has answered.</summary>
    public void Answered() => _failures = 0;

    /// <summary>The backend has granted.</summary>
    public void Granted()
    {
        if (inQueue)
            _count = budget.AttemptByTime;
    }

    /// <summary>Whether a call that was answered busy has no more to try.</summary>
    public bool IsOver()
    {
        if (inQueue && !budget.Options.IsSingleAttempt)
        {
            _count = budget.AttemptByTime;
            return budget.QueueTimeLeft == TimeSpan.Zero;
        }

        if (inQueue || budget.Options.IsSingleAttempt || budget.TimeLeft == TimeSpan.Zero)
            return true;
        return budget.Options.RetryCount is { } retries && _count > retries;
    }

    /// <summary>A request failed.</summary>
    public void Failed() => _failures++;

    /// <summary>Whether it makes sense to ask again after a failure; counts the attempt that this is.</summary>
    /// <param name="failure">The failure, which <see cref="Failed"/> has counted.</param>
    /// <param name="hasAnswered">Whether the backend has answered anybody since the call began.</param>
    public bool IsWorthAsking(LockStoreException failure, bool hasAnswered)
    {
        if (!failure.IsTransient)
            return false;
        if (budget.Options.IsSingleAttempt)
            return failure.MayHaveBeenApplied && _failures == 1; // one more, with the same id, to learn what became of it
        if (budget.TimeLeft == TimeSpan.Zero)
            return false;
        if (budget.Options.RetryCount is { } retries)
        {
            if (_count > retries)
                return false;
            _count++;
        }

        return hasAnswered || budget.Elapsed < Patience;
    }

    /// <summary>The pause after a failure; zero for a call that asks once more to learn what became of it.</summary>
    public readonly TimeSpan FailurePause()
    {
        if (budget.Options.IsSingleAttempt)
            return TimeSpan.Zero;
        TimeSpan pause = Backoff.After(_failures - 1, s_firstFailurePause, s_longestFailurePause);
        return WaitBudget.Within(
            budget.Options.RetryCount is null
                ? WaitBudget.Jitter(pause, pause / 4)
                : WaitBudget.Jitter(budget.Options.RetryDelay, budget.Options.RetryJitter),
            budget.TimeLeft);
    }
}
