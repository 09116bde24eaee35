namespace Locking;

/// <content>The end of a call whose time is up while something is still under way.</content>
internal sealed partial class Contender
{
    /// <summary>Whether it has waited for long, and was not told yet that it may be waiting for itself.</summary>
    public bool IsToBeTold => !IsTold && Waited >= SelfWaits.Patience;

    public bool IsTold { get; set; }

    /// <summary>Ends the call now. Called once, by whoever tells the caller; this contender then leaves by itself, and resolves what is under way.</summary>
    /// <returns>What the caller is told; null: busy, for one that does not want an exception for it.</returns>
    public Exception? GiveUp()
    {
        // In the line of this process nothing is learnt but what the first of it tells.
        var known = _timed!.Known ?? (Volatile.Read(ref _hasTurn) ? null : _engine.Turns.FailureOf(_key) ?? TimedWait.IsBusy);
        var isBusy = known == TimedWait.IsBusy;
        Exception? end = known as LockStoreException;
        if (isBusy && _options.ThrowIfBusy)
            end = Busy();
        else if (known is null)
            end = new LockStoreException($"The {_engine.Type} backend has not answered within the wait of {Limit.TotalMilliseconds} ms.", isTransient: true);
        _timed.End = new TimedWait.Ending(isBusy ? LockTelemetry.Busy : LockTelemetry.Failed, Waited);

        // Its flag is set before this returns; what a store does when it is cancelled runs on the pool. The contender may leave in this moment.
        if (Volatile.Read(ref _waitLimit) is { } waitLimit)
            StoreCalls.Observe(waitLimit.CancelAsync());
        return end;
    }

    /// <summary>Who stands in a line makes no attempts of its own: they are counted by the time that has passed.</summary>
    private LockTimeoutException Busy() => new(
        _key, Waited, Volatile.Read(ref _hasTurn) && _engine.Waiting is null ? Attempts : Math.Max(Attempts, _budget.AttemptByTime), _engine.OwnHolder(_key));

    private void BeginToWait()
    {
        LockTelemetry.WaitBegins(_engine.Type);
        _engine.SelfWaits.Watch();
    }
}
