using System.Diagnostics;
using System.Globalization;

namespace Locking;

/// <summary>One call that wants a lock: waits for its turn in this process, then contends for the lock in the backend.</summary>
/// <remarks>
/// <para>
/// While it contends it has one holder id, so that asking again after a lost answer is safe. When it leaves without a grant and an
/// answer is missing (or the backend keeps a place in a queue for it), that id is released in the background. A request that the
/// backend applies after that ends with its TTL; a lock without expiry is therefore taken in two steps (<see cref="PermanentLocks"/>).
/// </para>
/// <para>
/// Failures that may pass are survived while the call may wait, if the backend has answered anybody since the call began; a
/// backend that has been silent for <see cref="Attempts.Patience"/> from the start is reported.
/// </para>
/// </remarks>
internal sealed partial class Contender : WaitingCall, ILateOutcome<AcquireReply>
{
    private readonly StoreClient _store;
    private readonly KeyTurns _turns;
    private readonly Calls _calls;
    private readonly Grants _grants;

    private Attempts _attempts;
    private WaitEnds _ends;
    private AcquireRequest _request;
    private ContenderWait? _wait;
    private string _outcome = LockTelemetry.Failed;
    private LockStoreException? _unusable;
    private bool _mayHold;
    private bool _isGranted;
    private bool _hasTurn;
    private volatile bool _lostMeanwhile;

    public Contender(StoreClient store, KeyTurns turns, Calls calls, Grants grants, string key, EffectiveOptions options)
    {
        _store = store;
        _turns = turns;
        _calls = calls;
        _grants = grants;
        _attempts = new Attempts(new WaitBudget(options, store.Clock.Time), store.Waits);
        _ends = new WaitEnds(store, options);
        _request = NewRequest(key);
    }

    public override string Key => _request.Key;

    public override TimeSpan Waited => Budget.Elapsed;

    public override bool IsTold { get; set; }

    /// <summary>When the call began.</summary>
    public long StartedAt => Budget.Start;

    /// <summary>How long the call may wait by what it was told; <see cref="Timeout.InfiniteTimeSpan"/>: no limit, or none that is a
    /// time.</summary>
    public TimeSpan Limit => _ends.Limit(_store, Options);

    private WaitBudget Budget => _attempts.Budget;

    private EffectiveOptions Options => _attempts.Budget.Options;

    private bool IsPermanent => Options.FirstTtl == Timeout.InfiniteTimeSpan;

    /// <inheritdoc/>
    public override void OnStoreLoss(string? holderId)
    {
        if (holderId is null || holderId == Volatile.Read(ref _request).HolderId)
            _lostMeanwhile = true;
    }

    /// <summary>Waits for the turn, asks the backend until it grants or nothing is left to try, and leaves nothing behind.</summary>
    /// <remarks>Most locks are granted by the first answer: so far all is one asynchronous method, since each one that has to wait costs an
    /// object, and time: whatever an answer runs through is cold after a round trip.</remarks>
    /// <returns>Null when the lock was busy.</returns>
    public async ValueTask<ILockHandle?> RunAsync(CancellationToken cancellationToken)
    {
        Activity? activity = Begin();
        ILockHandle? handle = null;
        try
        {
            if (!TryTakeTurn() && !Options.IsSingleAttempt)
                await StandInLineAsync(cancellationToken).ConfigureAwait(false);
            if (_hasTurn)
            {
                AcquireReply? answer = null;
                long sentAt = BeginToAsk(isNewAttempt: true);
                try
                {
                    answer = await AskOnceAsync(cancellationToken).ConfigureAwait(false);
                }
                catch (Exception exception) when (Survives(exception))
                {
                    answer = null; // asked again below; said here, so that it need not be kept through the await
                }

                handle = AdoptFirst(ref answer, sentAt)
                    ?? (await ContendAsync(answer, sentAt, cancellationToken).ConfigureAwait(false)).Handle;
            }

            return Conclude(handle);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            throw Cancelled(cancellationToken);
        }
        catch (Exception exception) when (_store.IsDisposing && exception is LockStoreException or OperationCanceledException)
        {
            throw await DisposedAsync().ConfigureAwait(false);
        }
        finally
        {
            Leave(activity, handle?.FencingToken);
        }
    }

    /// <summary>Ends the call now. Called once, by whoever tells the caller; this contender then leaves by itself, and resolves what is
    /// under way.</summary>
    /// <returns>What the caller is told; null: busy, for one that does not want an exception for it.</returns>
    public Exception? GiveUp()
    {
        // In the line of this process nothing is learnt but what the first of it tells.
        object? known = _ends.Known ?? (Volatile.Read(ref _hasTurn) ? null : _turns.FailureOf(Key) ?? TimedWait.IsBusy);
        bool isBusy = known == TimedWait.IsBusy;
        Exception? end = known as LockStoreException;
        if (isBusy && Options.ThrowIfBusy)
            end = Busy();
        else if (known is null)
        {
            end = new LockStoreException(
                $"The {_store.Type} backend has not answered within the wait of {Limit.TotalMilliseconds} ms.", isTransient: true);
        }

        _ends.Tell(isBusy ? LockTelemetry.Busy : LockTelemetry.Failed, Waited);
        return end;
    }

    private Activity? Begin()
    {
        Activity? activity = LockTelemetry.StartAcquire(_store.Type, Key);
        _calls.Add(this);
        return activity;
    }

    private OperationCanceledException Cancelled(CancellationToken cancellationToken)
    {
        _outcome = LockTelemetry.Cancelled;
        return new OperationCanceledException(cancellationToken);
    }

    /// <summary>This may run inside the disposal's cancellation: the caller's code, which may block, goes on elsewhere.</summary>
    private static async Task<Exception> DisposedAsync()
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        return new ObjectDisposedException(nameof(ILock), "The lock object was disposed while a call waited.");
    }

    private bool TryTakeTurn() => _hasTurn = _turns.TryEnter(Key);

    /// <summary>Waits for the turn in this process.</summary>
    private async ValueTask StandInLineAsync(CancellationToken cancellationToken)
    {
        BeginToWait();
        try
        {
            _hasTurn = await _turns.EnterAsync(Key, Budget.QueueTimeLeft, WaitToken(cancellationToken)).ConfigureAwait(false);
        }
        finally
        {
            LockTelemetry.WaitEnds(_store.Type);
            _attempts.CountLine(_hasTurn);
        }

        if (_hasTurn)
            await Wait().ListenAsync(_request.HolderId, WaitToken(cancellationToken)).ConfigureAwait(false);
    }

    /// <summary>Makes a handle of a first answer that is a grant, and of no more than that.</summary>
    /// <param name="answer">The answer; null when there was none. A grant that cannot be used is busy afterwards.</param>
    /// <param name="sentAt">When the request was sent.</param>
    private LockHandle? AdoptFirst(ref AcquireReply? answer, long sentAt)
    {
        if (answer is not { } reply)
            return null;
        long now = Answered(reply);
        if (!reply.IsGranted || IsPermanent)
            return null;
        answer = AcquireReply.Busy(TimeSpan.Zero);
        return Adopt(reply, sentAt, _request.Ttl, now);
    }

    /// <summary>Goes on after the first request.</summary>
    /// <param name="answer">Its answer; null when there was none.</param>
    /// <param name="sentAt">When it was sent.</param>
    /// <param name="cancellationToken">Ends it.</param>
    private async ValueTask<ContendOutcome> ContendAsync(AcquireReply? answer, long sentAt, CancellationToken cancellationToken)
    {
        bool waits = false;
        try
        {
            while (true)
            {
                if (answer is not { } reply)
                {
                    await PauseAfterFailureAsync(cancellationToken).ConfigureAwait(false);
                    (reply, sentAt) = await AskAsync(cancellationToken).ConfigureAwait(false);
                }

                if (reply.IsGranted)
                {
                    if (await AdoptAsync(reply, sentAt, cancellationToken).ConfigureAwait(false) is { Handle: not null } outcome)
                        return outcome;
                    reply = AcquireReply.Busy(TimeSpan.Zero);
                }

                if (_attempts.IsOver())
                    return default;
                if (!waits)
                {
                    waits = true;
                    BeginToWait();
                }

                if (await Wait().WaitAsync(reply, _request.HolderId, WaitToken(cancellationToken)).ConfigureAwait(false))
                    _attempts.Next();
                (answer, sentAt) = await AskAsync(cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            if (waits)
                LockTelemetry.WaitEnds(_store.Type);
        }
    }

    /// <summary>Makes a handle of a grant, unless it came too late; a lock without expiry takes its second step first.</summary>
    private async ValueTask<ContendOutcome> AdoptAsync(AcquireReply reply, long sentAt, CancellationToken cancellationToken)
    {
        if (!IsPermanent)
            return new ContendOutcome(Adopt(reply, sentAt, _request.Ttl, _store.Clock.Now));
        _mayHold = true;
        try
        {
            long begun = _grants.Begun(reply, sentAt, Options);
            if (await _grants.TryKeepAsync(_request, begun, WaitToken(cancellationToken)).ConfigureAwait(false))
                return new ContendOutcome(Adopt(reply, sentAt, Timeout.InfiniteTimeSpan, _store.Clock.Now));
        }
        catch (ArgumentException)
        {
            _mayHold = false; // nothing is left of the try
            throw;
        }

        GiveBack("was taken away again before it could be kept without expiry");
        return default;
    }

    private LockHandle? Adopt(AcquireReply reply, long sentAt, TimeSpan ttl, long now)
    {
        Lease? lease = _grants.TryAdopt(_request, reply.FencingToken, Options, _grants.Begun(reply, sentAt, Options), ttl, now);

        // From here on the lease itself hears of a loss; one that was told before came to this contender.
        if (lease is null || _lostMeanwhile)
        {
            lease?.Withdraw();
            GiveBack(lease is null
                ? string.Create(CultureInfo.InvariantCulture, $"came after {_store.Clock.Elapsed(sentAt, now).TotalMilliseconds:0} ms, ")
                    + string.Create(CultureInfo.InvariantCulture, $"when nothing was left of its ttl of {ttl.TotalMilliseconds:0} ms")
                : "was taken away again before its answer came");
            return null;
        }

        _mayHold = false;
        _isGranted = true;
        _attempts.Granted();
        _grants.Start(lease, now);
        return new LockHandle(lease, _attempts.Count, Budget.ElapsedAt(now));
    }

    /// <summary>Releases the id in the background and goes on with a new one, which that release cannot touch. A call that has nothing more
    /// to try says why, and not that somebody else holds the lock.</summary>
    private void GiveBack(string why)
    {
        _unusable = new LockStoreException(
            $"The grant of '{Key}' by the {_store.Type} backend {why}: it is given back.", isTransient: true);
        _ends.Learn(_unusable);
        _grants.GiveBack(_request, Options.FirstTtl);
        Volatile.Write(ref _request, NewRequest(Key));
        _mayHold = false;
    }

    private ILockHandle? Conclude(ILockHandle? handle)
    {
        if (handle is null && _unusable is not null)
            throw _unusable;
        _outcome = handle is null ? LockTelemetry.Busy : LockTelemetry.Acquired;
        if (handle is not null)
        {
            Log.Acquired(
                _store.Logger, Key, handle.Id, handle.FencingToken, handle.AcquiredOnAttempt, handle.AcquireDelay.TotalMilliseconds);
        }
        else if (Options.ThrowIfBusy)
        {
            throw Busy();
        }

        return handle;
    }

    private void Leave(Activity? activity, long? token)
    {
        if (_hasTurn)
            _turns.Leave(Key);
        if (_mayHold || (_request.Queue && !_isGranted))
            _grants.GiveBack(_request, Options.FirstTtl);
        _wait?.Close();
        _ends.Dispose();
        _calls.Remove(this);
        HasLeft();
        if (activity is null && !LockTelemetry.MeasuresAcquire)
            return;
        TimedWait.Ending? end = _ends.Told;
        LockTelemetry.EndAcquire(
            activity, _store.Type, end?.Outcome ?? _outcome, end?.Waited ?? Waited, _attempts.Count, end is null ? token : null);
    }

    private void BeginToWait()
    {
        LockTelemetry.WaitBegins(_store.Type);
        _calls.WaitBegins();
    }

    private ContenderWait Wait() => _wait ??= new ContenderWait(_store, _turns, Key, Budget);

    /// <summary>Who stands in a line makes no attempts of its own: they are counted by the time that has passed.</summary>
    private LockTimeoutException Busy() => new(
        Key, Waited, Volatile.Read(ref _hasTurn) && !_store.Waits ? _attempts.Count : Math.Max(_attempts.Count, Budget.AttemptByTime),
        _grants.DescribeHolder(Key));

    private AcquireRequest NewRequest(string key) => new(key, HolderIds.New(), Options.Owner, PermanentLocks.FirstTtl(Options))
    {
        Queue = _store.Queues && !Options.IsSingleAttempt,
        Progress = _store.Waits ? _ends.Progress : null,
        KeepOnDisconnect = Options.KeepOnDisconnect,
    };

    private CancellationToken WaitToken(CancellationToken cancellationToken) => _ends.Token(_store, cancellationToken);
}
