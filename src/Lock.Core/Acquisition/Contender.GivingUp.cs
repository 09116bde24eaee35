using System.Diagnostics;

namespace Locking;

/// <content>The end of a call whose time is up while something is still under way.</content>
internal sealed partial class Contender
{
    private static readonly object IsBusy = new();

    /// <summary>What is known of the lock: null for nothing, <see cref="IsBusy"/>, or the failure that came last.</summary>
    private object? _known;
    private volatile GivenUp? _givenUp;

    /// <summary>Whether it has waited for long, and was not told yet that it may be waiting for itself.</summary>
    public bool IsToBeTold => !IsTold && Waited >= SelfWaits.Patience;

    public bool IsTold { get; set; }

    /// <summary>The backend has said that somebody else holds the lock.</summary>
    void IWaitProgress.OnQueued() => Learn(IsBusy);

    /// <summary>Ends the call now. Called once, by whoever tells the caller; this contender then leaves by itself, and resolves what is under way.</summary>
    /// <returns>What the caller is told; null: busy, for one that does not want an exception for it.</returns>
    public Exception? GiveUp()
    {
        Exception? end;
        var known = Volatile.Read(ref _known) ?? (Volatile.Read(ref _hasTurn) ? null : _engine.Turns.FailureOf(_key) ?? IsBusy);
        if (known is LockStoreException failure)
            end = failure;
        else if (known is null)
            end = new LockStoreException($"The {_engine.Type} backend has not answered within the wait of {Limit.TotalMilliseconds} ms.", isTransient: true);
        else
            end = _options.ThrowIfBusy ? Busy() : null;
        _givenUp = new GivenUp(known == IsBusy ? LockTelemetry.Busy : LockTelemetry.Failed, Waited);
        try
        {
            // Its flag is set before this returns; what a store does when it is cancelled runs on the pool.
            _ = Volatile.Read(ref _waitLimit)?.CancelAsync();
        }
        catch (ObjectDisposedException exception)
        {
            Debug.WriteLine(exception); // it has left in this moment
        }

        return end;
    }

    private LockTimeoutException Busy() => new(_key, Waited, Attempts, _engine.OwnHolder(_key));

    private void Learn(object? known) => Volatile.Write(ref _known, known);

    private void BeginToWait()
    {
        LockTelemetry.WaitBegins(_engine.Type);
        _engine.SelfWaits.Watch();
    }

    /// <summary>What the caller was told.</summary>
    private sealed record GivenUp(string Outcome, TimeSpan Waited);
}
