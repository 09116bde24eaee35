namespace Locking;

/// <summary>Gives back what was held, and what may be held although nobody has it.</summary>
/// <remarks>Every release of the engine goes through here, with the line of this process at hand: here a lock can be handed over
/// instead.</remarks>
internal sealed class LeaseReleases(StoreClient store, KeyTurns turns)
{
    private static readonly TimeSpan s_firstPause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan s_longestPause = TimeSpan.FromSeconds(1);

    private readonly ReleasesUnderWay _underWay = new();

    /// <summary>What is given back in the background.</summary>
    public PendingReleases Pending { get; } = new(store, turns);

    /// <summary>Completes when none is under way, nor pending. What begins after that is not waited for.</summary>
    public Task WhenNone() => Task.WhenAll(Pending.WhenAll(), _underWay.WhenNone());

    /// <summary>Gives a lease back, asking again while the backend does not answer. Never throws.</summary>
    /// <remarks>One method: it goes on by the engine's threads, and what awaited it in between would need the pool.</remarks>
    /// <param name="lease">Which one.</param>
    /// <param name="wasLive">Whether it was not lost before.</param>
    /// <param name="atMost">After this time it goes on in the background.</param>
    public async Task<UnlockOutcome> ReleaseAsync(IReleasedLease lease, bool wasLive, TimeSpan atMost)
    {
        StepLimit limit = StepLimit.In(store.Alarms, atMost);
        _underWay.Begin();
        try
        {
            bool unanswered = false;
            Backoff backoff = new(s_firstPause, s_longestPause);
            do
            {
                try
                {
                    StoreReply reply =
                        await store.TryReleaseAsync(lease.Key, lease.Id, CancellationToken.None, limit).ConfigureAwait(false);
                    return Answered(lease, reply.ToOutcome(), wasLive, unanswered);
                }
                catch (LockStoreException exception)
                {
                    unanswered |= exception.MayHaveBeenApplied;
                    store.Failed("release", lease.Key, lease.Id, exception);
                    if (!exception.IsTransient)
                        break;
                }

                await Task.Delay(TimerSpan.For(limit.Within(backoff.Next())), store.Clock.Time).ConfigureAwait(false);
            }
            while (!limit.IsOver);

            return GiveUp(lease, atMost, null);
        }
        catch (Exception exception)
        {
            // What no store should throw is no answer either.
            return GiveUp(lease, atMost, exception);
        }
        finally
        {
            _underWay.End();
        }
    }

    private UnlockOutcome Answered(IReleasedLease lease, UnlockOutcome outcome, bool wasLive, bool unanswered)
    {
        store.Outage.Answered();
        turns.Nudge(lease.Key);

        // An unanswered request may have done it, and must have while the lease would still last.
        if (unanswered && outcome != UnlockOutcome.Released)
            outcome = wasLive && lease.IsWithinValidity ? UnlockOutcome.Released : UnlockOutcome.Unknown;
        Log.Released(store.Logger, lease.Key, lease.Id, outcome);
        return outcome;
    }

    /// <summary>A release was not answered in its time: it goes on in the background.</summary>
    private UnlockOutcome GiveUp(IReleasedLease lease, TimeSpan atMost, Exception? failure)
    {
        if (!store.IsDisposing)
            Pending.Add(lease.Key, lease.Id, lease.LongestTtl);
        if (failure is OperationCanceledException)
            failure = new TimeoutException("no answer came in time");
        if (failure is not null)
            store.Failed("release", lease.Key, lease.Id, failure);
        Log.ReleaseUnanswered(store.Logger, lease.Key, lease.Id, atMost.TotalMilliseconds);
        return UnlockOutcome.Unknown;
    }
}
