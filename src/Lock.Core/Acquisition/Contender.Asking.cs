namespace Locking;

/// <content>How the store is asked, and what an answer or a failure means.</content>
internal sealed partial class Contender
{
    /// <summary>Asks until the backend answers, as long as that makes sense.</summary>
    private async ValueTask<(AcquireReply Reply, long SentAt)> AskAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            long sentAt = BeginToAsk(isNewAttempt: false);
            try
            {
                AcquireReply reply = await AskOnceAsync(cancellationToken).ConfigureAwait(false);
                Answered(reply);
                return (reply, sentAt);
            }
            catch (Exception exception) when (Survives(exception))
            {
                // Asked again after a pause.
            }

            await PauseAfterFailureAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private async ValueTask PauseAfterFailureAsync(CancellationToken cancellationToken)
    {
        TimeSpan pause = _attempts.FailurePause();
        if (pause > TimeSpan.Zero)
            await Task.Delay(TimerSpan.For(pause), _store.Clock.Time, WaitToken(cancellationToken)).ConfigureAwait(false);
    }

    private long BeginToAsk(bool isNewAttempt)
    {
        if (isNewAttempt)
            _attempts.Next();
        _lostMeanwhile = false;
        return _store.Clock.Now;
    }

    private ValueTask<AcquireReply> AskOnceAsync(CancellationToken cancellationToken) =>
        _store.Waits && !Options.IsSingleAttempt
            ? _store.AcquireAsync(_request, Budget.QueueTimeLeft, this, WaitToken(cancellationToken))
            : _store.TryAcquireAsync(_request, this, WaitToken(cancellationToken));

    private long Answered(AcquireReply reply)
    {
        long now = _store.Clock.Now;
        _store.Answered(now);
        if (_attempts.HasFailed)
            _turns.Tell(Key, null);
        _attempts.Answered();
        _unusable = null;
        _ends.Learn(reply.IsGranted ? null : TimedWait.IsBusy);
        return now;
    }

    /// <summary>Notes that a request failed, and says whether it makes sense to ask again.</summary>
    private bool Survives(Exception exception)
    {
        if (exception is OperationCanceledException)
            _mayHold = true;
        if (exception is not LockStoreException failure)
            return false;
        _mayHold |= failure.MayHaveBeenApplied;
        _attempts.Failed();
        _turns.Tell(Key, failure);
        _ends.Learn(failure);
        _store.Failed("acquire", Key, _request.HolderId, failure);
        return !_store.IsDisposing && _attempts.IsWorthAsking(failure, _store.HasAnsweredSince(Waited));
    }

    /// <summary>The store went on with a request that nobody waits for any more: what it brings is given back.</summary>
    void ILateOutcome<AcquireReply>.OnAbandoned(Task<AcquireReply> task)
    {
        AcquireRequest request = _request;
        _ = task.ContinueWith(
            t =>
            {
                if (t.IsFaulted)
                    _ = t.Exception;

                // The first release may have come before the step: then it left a grant, or a place in the store's queue.
                if (_store.Waits || (t.IsCompletedSuccessfully && t.Result.IsGranted))
                    _grants.GiveBack(request, request.Ttl);
            },
            CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }
}
