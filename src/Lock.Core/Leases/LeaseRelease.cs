using System.Diagnostics.CodeAnalysis;

namespace Locking;

/// <summary>Gives a lease back, asking again while the backend does not answer.</summary>
[SuppressMessage("Design", "CA1001", Justification = "The token source has nothing to free: no wait handle, no timer.")]
internal sealed class LeaseRelease : Alarm
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);

    private readonly StoreLock _engine;
    private readonly Lease _lease;
    private readonly TimeSpan _limit;
    private readonly bool _wasLive;
    private readonly CancellationTokenSource _timeUp = new();
    private readonly long _endsAt;
    private bool _isUnanswered;
    private bool _isLimited;

    /// <summary>Sets the time limit.</summary>
    /// <param name="engine">Whose lease it is.</param>
    /// <param name="lease">What is given back.</param>
    /// <param name="wasLive">Whether it had not been lost before.</param>
    /// <param name="limit">So long the backend is asked.</param>
    public LeaseRelease(StoreLock engine, Lease lease, bool wasLive, TimeSpan limit)
    {
        _engine = engine;
        _lease = lease;
        _wasLive = wasLive;
        _limit = limit;
        _endsAt = engine.Clock.TimestampIn(TimerSpan.For(limit));
    }

    /// <summary>Does it. Never throws.</summary>
    public async Task<UnlockOutcome> RunAsync()
    {
        UnlockOutcome? outcome = null;
        Exception? failure = null;
        try
        {
            var pause = FirstPause;
            while (!_timeUp.IsCancellationRequested)
            {
                try
                {
                    var step = _engine.TryReleaseOnceAsync(_lease.Key, _lease.Id, _timeUp.Token);
                    if (!step.IsCompleted)
                        Limit();

                    var reply = await step.ConfigureAwait(false);
                    _engine.Turns.Nudge(_lease.Key);
                    outcome = OutcomeOf(reply);
                    Log.Released(_engine.Logger, _lease.Key, _lease.Id, outcome.Value);
                    return outcome.Value;
                }
                catch (LockStoreException exception)
                {
                    _isUnanswered |= exception.MayHaveBeenApplied;
                    _engine.StoreFailed("release", _lease.Key, _lease.Id, exception);
                    if (!exception.IsTransient)
                        break;
                }

                Limit();
                await Task.Delay(pause, _engine.Clock.Time, _timeUp.Token).ConfigureAwait(false);
                pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
            }
        }
        catch (OperationCanceledException)
        {
            // The time is up.
        }
        catch (Exception exception)
        {
            // What no store should throw is no answer either; and a log that throws takes no outcome away.
            if (outcome is not null)
                return outcome.Value;
            failure = exception;
        }
        finally
        {
            if (_isLimited)
                _engine.Alarms.Cancel(this);
        }

        return GiveUp(failure);
    }

    /// <summary>The time is up, or the machine was suspended and every alarm is asked to look.</summary>
    internal override void Ring()
    {
        if (_engine.Clock.Time.GetTimestamp() < _endsAt)
            _engine.Alarms.Set(this, _endsAt);
        else
            _ = _timeUp.CancelAsync(); // what listens runs on the pool: it is the store's code
    }

    /// <summary>Sets the alarm, where there is something to wait for.</summary>
    private void Limit()
    {
        if (_isLimited)
            return;
        _isLimited = true;
        _engine.Alarms.Set(this, _endsAt);
    }

    /// <summary>It was not answered in time: it goes on in the background.</summary>
    private UnlockOutcome GiveUp(Exception? failure)
    {
        try
        {
            if (failure is not null)
                Log.StoreFailed(_engine.Logger, _engine.Type, "release", _lease.Key, _lease.Id, failure.Message);
            _engine.GiveUpRelease(_lease, _limit);
            return UnlockOutcome.Unknown;
        }
        catch (Exception)
        {
            return UnlockOutcome.Unknown; // a log is other people's code
        }
    }

    private UnlockOutcome OutcomeOf(StoreReply reply)
    {
        var outcome = StoreLock.Outcome(reply);
        if (!_isUnanswered || outcome == UnlockOutcome.Released)
            return outcome;

        // The unanswered request may have done it, and must have while the lease would still last.
        return _wasLive && _lease.IsWithinValidity ? UnlockOutcome.Released : UnlockOutcome.Unknown;
    }
}
