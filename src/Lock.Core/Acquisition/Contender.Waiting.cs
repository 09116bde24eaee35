namespace Locking;

/// <content>Waiting for the turn in this process, and for the lock in the backend.</content>
internal sealed partial class Contender
{
    /// <summary>Who had to wait for its turn will most likely have to wait for the lock too: listening first saves one request.</summary>
    private async ValueTask WatchEarlyAsync(CancellationToken cancellationToken)
    {
        _watch = new ContenderWatch(_engine, _key);
        await _watch.TryOpenAsync(_request.HolderId, WaitToken(cancellationToken)).ConfigureAwait(false);
    }

    private async ValueTask PauseAfterFailureAsync(CancellationToken cancellationToken)
    {
        if (_options.IsSingleAttempt)
            return;
        var pause = FirstFailurePause * (1 << Math.Min(_failures - 1, 5));
        pause = _options.RetryCount is null
            ? WaitBudget.Jitter(pause < LongestFailurePause ? pause : LongestFailurePause, pause / 4)
            : WaitBudget.Jitter(_options.RetryDelay, _options.RetryJitter);
        await Task.Delay(TimerSpan.For(Within(pause, _budget.TimeLeft)), _engine.Clock.Time, WaitToken(cancellationToken)).ConfigureAwait(false);
    }

    private bool IsOver()
    {
        if (_engine.Waiting is not null || _options.IsSingleAttempt || _budget.TimeLeft == TimeSpan.Zero)
        {
            if (_engine.Waiting is not null && !_options.IsSingleAttempt)
            {
                _attempts = _budget.AttemptByTime;
                return _budget.QueueTimeLeft == TimeSpan.Zero;
            }

            return true;
        }

        return _options.RetryCount is { } retries && _attempts > retries;
    }

    /// <summary>Waits until it makes sense to ask again.</summary>
    private async ValueTask WaitAsync(AcquireReply busy, CancellationToken cancellationToken)
    {
        var token = WaitToken(cancellationToken);
        if (_engine.Waiting is not null)
        {
            // The store waits. Where it answers busy before the time is up (its queue is full, say), it is not asked in a tight loop.
            if (busy.HolderRemaining != TimeSpan.Zero)
                await _engine.Turns.PauseAsync(_key, Within(_options.RetryDelay, _budget.QueueTimeLeft), token).ConfigureAwait(false);
            return;
        }

        if (_watches && _watch is not { IsOpen: true })
        {
            // Subscribe, then try again, then wait: a release between the first try and the subscription is not missed.
            _watch ??= new ContenderWatch(_engine, _key);
            if (await _watch.TryOpenAsync(_request.HolderId, token).ConfigureAwait(false))
                return;
        }

        _pace ??= new RetryPace(_options, _engine.Clock.Time);
        var pause = _pace.Next(busy, isWatching: _watch is { IsOpen: true }, out var endsAttempt);
        var left = _budget.TimeLeft;
        if (left != Timeout.InfiniteTimeSpan && left < pause)
        {
            pause = left;
            endsAttempt = true;
        }

        var woken = _watch is { IsOpen: true } watch
            ? await watch.WaitAsync(pause, _request.HolderId, token).ConfigureAwait(false)
            : await _engine.Turns.PauseAsync(_key, pause, token).ConfigureAwait(false);
        if (!woken && endsAttempt)
        {
            _attempts++;
            _pace.AttemptEnded();
        }
    }

    private static TimeSpan Within(TimeSpan pause, TimeSpan left) => left != Timeout.InfiniteTimeSpan && left < pause ? left : pause;
}
