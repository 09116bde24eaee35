using Microsoft.Extensions.Logging;

namespace Locking;

/// <summary>One call that wants a lock: waits for its turn in this process, then contends for the lock in the backend.</summary>
/// <remarks>
/// <para>
/// While it contends it has one holder id, so that asking again after a lost answer is safe. When it leaves without a grant and an
/// answer is missing (or the backend keeps a place in a queue for it), that id is released in the background. A request that the
/// backend applies after that ends with its TTL. A lock without expiry is therefore first taken with
/// <see cref="ProvisionalTtl"/> and made permanent by a second request, which never creates anything: a late request cannot
/// leave a lock that stays.
/// </para>
/// <para>
/// Failures that may pass are survived while the call may wait, if the backend has answered anybody since the call began; a
/// backend that has been silent for <see cref="Patience"/> from the start is reported.
/// </para>
/// </remarks>
internal sealed partial class Contender : ILateOutcome<AcquireReply>
{
    internal static readonly TimeSpan ProvisionalTtl = TimeSpan.FromSeconds(10);
    internal static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>Neighbours in the list of <see cref="Contenders"/>; guarded by its gate.</summary>
    internal Contender? Before;

    internal Contender? After;

    /// <summary>Has ended: a disposal that found the call in the list may ask for its end when that is past.</summary>
    private static readonly TaskCompletionSource AlreadyLeft = Ended();
    private static readonly TimeSpan FirstFailurePause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestFailurePause = TimeSpan.FromSeconds(1);

    private readonly StoreLock _engine;
    private readonly string _key;
    private readonly EffectiveOptions _options;
    private readonly WaitBudget _budget;
    private readonly TimeSpan _ttl;
    private readonly bool _isPermanent;
    private readonly bool _watches;

    private TaskCompletionSource? _left;
    private AcquireRequest _request;
    private CancellationTokenSource? _waitLimit;
    private ContenderWatch? _watch;
    private RetryPace? _pace;
    private int _attempts;
    private int _failures;
    private bool _mayHold;
    private bool _isGranted;
    private long? _token;
    private bool _hasTurn;
    private bool _waitedForTurn;
    private volatile bool _lostMeanwhile;

    /// <summary>For a call that ends by a limit of time whatever becomes of its requests (<see cref="TimedCall"/>); else null.</summary>
    private readonly TimedWait? _timed;

    public Contender(StoreLock engine, string key, EffectiveOptions options)
    {
        _engine = engine;
        _key = key;
        _options = options;
        _budget = new WaitBudget(options, engine.Clock.Time);
        _isPermanent = options.FirstTtl == Timeout.InfiniteTimeSpan;
        _ttl = _isPermanent ? ProvisionalTtl : options.FirstTtl;
        _watches = engine.Signal is not null && options.Wait != WaitMode.Poll && !options.IsSingleAttempt;
        if (!options.IsSingleAttempt && _budget.LimitOf(engine.Waiting is not null) != Timeout.InfiniteTimeSpan)
            _timed = new TimedWait();
        _request = NewRequest();
    }

    public string Key => _key;

    /// <summary>When the call began.</summary>
    public long StartedAt => _budget.Start;

    /// <summary>How long the call may wait by what it was told; <see cref="Timeout.InfiniteTimeSpan"/>: no limit, or none that is a time.</summary>
    public TimeSpan Limit => _timed is not null ? _budget.LimitOf(_engine.Waiting is not null) : Timeout.InfiniteTimeSpan;

    public int Attempts => Math.Max(1, _attempts);

    public TimeSpan Waited => _budget.Elapsed;

    /// <summary>Completes when the call is over and has left nothing to learn.</summary>
    public Task WhenLeft()
    {
        var left = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        return (Interlocked.CompareExchange(ref _left, left, null) ?? left).Task;
    }

    public void HasLeft() => Interlocked.CompareExchange(ref _left, AlreadyLeft, null)?.TrySetResult();

    /// <summary>The backend has taken away what it had granted to this id, or is about to: the grant must not be believed.</summary>
    public void OnStoreLoss(string? holderId)
    {
        if (holderId is null || holderId == Volatile.Read(ref _request).HolderId)
            _lostMeanwhile = true;
    }

    /// <summary>Does it all.</summary>
    /// <returns>Null when the lock was busy.</returns>
    public async ValueTask<ILockHandle?> RunAsync(CancellationToken cancellationToken)
    {
        var activity = LockTelemetry.StartAcquire(_engine.Type, _key);
        var outcome = LockTelemetry.Failed;
        _engine.Contenders.Add(this);
        try
        {
            ILockHandle? handle = null;
            _hasTurn = _engine.Turns.TryEnter(_key);
            if (!_hasTurn && !_options.IsSingleAttempt)
            {
                BeginToWait();
                try
                {
                    _hasTurn = _waitedForTurn = await _engine.Turns.EnterAsync(_key, _budget.QueueTimeLeft, WaitToken(cancellationToken))
                        .ConfigureAwait(false);
                }
                finally
                {
                    LockTelemetry.WaitEnds(_engine.Type);
                    _attempts = _budget.AttemptByTime - (_hasTurn ? 1 : 0);
                }
            }

            if (_hasTurn)
            {
                _attempts++;
                if (_waitedForTurn && _watches && _engine.Waiting is null)
                    await WatchEarlyAsync(cancellationToken).ConfigureAwait(false);

                // Most locks are granted by the first answer: so far all is one asynchronous method, since each one that has to
                // wait costs an object, and time: whatever an answer runs through is cold after a round trip.
                AcquireReply? answer = null;
                var sentAt = BeginToAsk();
                try
                {
                    answer = await AskOnceAsync(cancellationToken).ConfigureAwait(false);
                }
                catch (Exception exception) when (Survives(exception))
                {
                    // Asked again below.
                }

                if (answer is { } reply)
                {
                    var now = Answered(reply);
                    if (reply.IsGranted && !_isPermanent)
                    {
                        handle = Adopt(reply, sentAt, _ttl, now);
                        answer = AcquireReply.Busy(TimeSpan.Zero);
                    }
                }

                handle ??= (await ContendAsync(answer, sentAt, cancellationToken).ConfigureAwait(false)).Handle;
            }

            outcome = handle is null ? LockTelemetry.Busy : LockTelemetry.Acquired;
            if (handle is not null)
                Log.Acquired(_engine.Logger, _key, handle.Id, handle.FencingToken, handle.AcquiredOnAttempt, handle.AcquireDelay.TotalMilliseconds);
            else if (_options.ThrowIfBusy)
                throw Busy();
            return handle;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            outcome = LockTelemetry.Cancelled;
            throw new OperationCanceledException(cancellationToken);
        }
        catch (Exception exception) when (IsEndOfEngine(exception))
        {
            // This may run inside the disposal's cancellation: the caller's code, which may block, goes on elsewhere.
            await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
            throw new ObjectDisposedException(nameof(ILock), "The lock object was disposed while a call waited.");
        }
        finally
        {
            if (_hasTurn)
                _engine.Turns.Leave(_key);
            CleanUp();
            _engine.Contenders.Remove(this);
            HasLeft();
            if (activity is not null || LockTelemetry.MeasuresAcquire)
            {
                LockTelemetry.EndAcquire(
                    activity, _engine.Type, _timed?.End?.Outcome ?? outcome, _timed?.End?.Waited ?? Waited, Attempts, _timed?.End is null ? _token : null);
            }
        }
    }

    private static TaskCompletionSource Ended()
    {
        var ended = new TaskCompletionSource();
        ended.SetResult();
        return ended;
    }

    private bool IsEndOfEngine(Exception exception) =>
        _engine.Disposing.IsCancellationRequested && exception is LockStoreException or OperationCanceledException;

    /// <summary>Goes on after the first request.</summary>
    /// <param name="answer">Its answer; null when there was none.</param>
    /// <param name="sentAt">When it was sent.</param>
    /// <param name="cancellationToken">Ends it.</param>
    private async ValueTask<ContendOutcome> ContendAsync(AcquireReply? answer, long sentAt, CancellationToken cancellationToken)
    {
        var waits = false;
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
                    if (await AdoptAsync(reply, sentAt, cancellationToken).ConfigureAwait(false) is { } handle)
                        return new ContendOutcome(handle);
                    reply = AcquireReply.Busy(TimeSpan.Zero);
                }

                if (IsOver())
                    return default;
                if (!waits)
                {
                    waits = true;
                    BeginToWait();
                }

                await WaitAsync(reply, cancellationToken).ConfigureAwait(false);
                (answer, sentAt) = await AskAsync(cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            if (waits)
                LockTelemetry.WaitEnds(_engine.Type);
        }
    }

    /// <summary>Asks until the backend answers, as long as that makes sense.</summary>
    private async ValueTask<(AcquireReply Reply, long SentAt)> AskAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var sentAt = BeginToAsk();
            try
            {
                var reply = await AskOnceAsync(cancellationToken).ConfigureAwait(false);
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

    private long BeginToAsk()
    {
        _lostMeanwhile = false;
        return _engine.Clock.Now;
    }

    private long Answered(AcquireReply reply)
    {
        var now = _engine.Clock.Now;
        _engine.Answered(now);
        if (_failures > 0 && _hasTurn)
            _engine.Turns.Tell(_key, null);
        _failures = 0;
        _timed?.Learn(reply.IsGranted ? null : TimedWait.IsBusy);
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
        _failures++;
        if (_hasTurn)
            _engine.Turns.Tell(_key, failure);
        _timed?.Learn(failure);
        _engine.StoreFailed("acquire", _key, _request.HolderId, failure);
        return IsWorthAsking(failure);
    }

    private ValueTask<AcquireReply> AskOnceAsync(CancellationToken cancellationToken)
    {
        if (_engine.Waiting is { } waiting && !_options.IsSingleAttempt)
        {
            var limit = WaitToken(cancellationToken);
            return StoreCalls.AwaitAsync(
                static (a, token) => a.Store.AcquireAsync(a.Request, a.Limit, token),
                (Store: waiting, Request: _request, Limit: _budget.QueueTimeLeft), _engine.Type, this, limit);
        }

        return StoreCalls.AwaitAsync(
            static (a, token) => a.Store.TryAcquireAsync(a.Request, token),
            (_engine.Store, Request: _request), _engine.Type, this, WaitToken(cancellationToken));
    }

    /// <summary>The store went on with a request that nobody waits for any more: what it brings is given back.</summary>
    void ILateOutcome<AcquireReply>.OnAbandoned(Task<AcquireReply> task)
    {
        var request = _request;
        _ = task.ContinueWith(
            t =>
            {
                if (t.IsFaulted)
                    _ = t.Exception;

                // The first release may have come before the step: then it left a grant, or a place in the store's queue.
                if (_engine.Waiting is not null || (t.IsCompletedSuccessfully && t.Result.IsGranted))
                    _engine.Pending.Add(request.Key, request.HolderId, request.Ttl);
            },
            CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    private bool IsWorthAsking(LockStoreException exception)
    {
        if (!exception.IsTransient || _engine.Disposing.IsCancellationRequested)
            return false;
        if (_options.IsSingleAttempt)
            return exception.MayHaveBeenApplied && _failures == 1; // one more, with the same id, to learn what became of it
        if (_budget.TimeLeft == TimeSpan.Zero)
            return false;
        if (_options.RetryCount is { } retries)
        {
            if (_attempts > retries)
                return false;
            _attempts++;
        }

        return _engine.HasAnsweredSince(_budget.Elapsed) || _budget.Elapsed < Patience;
    }

    private AcquireRequest NewRequest() => new(_key, HolderIds.New(), _options.Owner, _ttl)
    {
        Queue = _engine.IsQueueing && !_options.IsSingleAttempt,
        Progress = _engine.Waiting is not null ? _timed : null,
        KeepOnDisconnect = _options.KeepOnDisconnect,
    };

    /// <summary>The caller's token, and the end of this <see cref="ILock"/>: a wait ends with either.</summary>
    private CancellationToken WaitToken(CancellationToken cancellationToken) => !cancellationToken.CanBeCanceled && _timed is null
        ? _engine.Disposing
        : (_waitLimit ??= CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _engine.Disposing)).Token;

    private void CleanUp()
    {
        if (_mayHold || (_request.Queue && !_isGranted))
            _engine.Pending.Add(_key, _request.HolderId, _isPermanent ? Timeout.InfiniteTimeSpan : _ttl);
        _watch?.Close();
        if (_waitLimit is not null)
            StoreCalls.Dispose(_waitLimit);
    }
}
