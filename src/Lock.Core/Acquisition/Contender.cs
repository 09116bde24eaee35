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
internal sealed class Contender
{
    internal static readonly TimeSpan ProvisionalTtl = TimeSpan.FromSeconds(10);
    internal static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan FirstFailurePause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestFailurePause = TimeSpan.FromSeconds(1);

    private readonly StoreLock _engine;
    private readonly string _key;
    private readonly EffectiveOptions _options;
    private readonly WaitBudget _budget;
    private readonly TimeSpan _ttl;
    private readonly bool _isPermanent;
    private readonly bool _watches;

    private readonly TaskCompletionSource _left = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private AcquireRequest _request;
    private CancellationTokenSource? _waitLimit;
    private ContenderWatch? _watch;
    private RetryPace? _pace;
    private int _attempts;
    private int _failures;
    private bool _mayHold;
    private bool _isGranted;
    private bool _waitedForTurn;
    private volatile bool _lostMeanwhile;

    public Contender(StoreLock engine, string key, EffectiveOptions options)
    {
        _engine = engine;
        _key = key;
        _options = options;
        _budget = new WaitBudget(options, engine.Clock.Time);
        _isPermanent = options.FirstTtl == Timeout.InfiniteTimeSpan;
        _ttl = _isPermanent ? ProvisionalTtl : options.FirstTtl;
        _watches = engine.Signal is not null && options.Wait != WaitMode.Poll && !options.IsSingleAttempt;
        _request = NewRequest();
    }

    public int Attempts => Math.Max(1, _attempts);

    public TimeSpan Waited => _budget.Elapsed;

    /// <summary>The fencing token, once granted.</summary>
    public long? Token { get; private set; }

    /// <summary>Completes when the call is over and has left nothing to learn.</summary>
    public Task WhenLeft => _left.Task;

    public void HasLeft() => _left.TrySetResult();

    /// <summary>The backend has taken away what it had granted to this id, or is about to: the grant must not be believed.</summary>
    public void OnStoreLoss(string? holderId)
    {
        if (holderId is null || holderId == Volatile.Read(ref _request).HolderId)
            _lostMeanwhile = true;
    }

    public async ValueTask<ContendOutcome> RunAsync(CancellationToken cancellationToken)
    {
        _engine.Enter(this);
        try
        {
            if (!_engine.Turns.TryEnter(_key)
                && (_options.IsSingleAttempt || !await WaitForTurnAsync(cancellationToken).ConfigureAwait(false)))
            {
                return default;
            }

            try
            {
                return await ContendAsync(cancellationToken).ConfigureAwait(false);
            }
            finally
            {
                _engine.Turns.Leave(_key);
            }
        }
        catch (Exception exception) when (IsEndOfEngine(exception, cancellationToken))
        {
            // This may run inside the disposal's cancellation: the caller's code, which may block, goes on elsewhere.
            await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
            throw new ObjectDisposedException(nameof(ILock), "The lock object was disposed while a call waited.");
        }
        finally
        {
            CleanUp();
            _engine.Leave(this);
        }
    }

    private bool IsEndOfEngine(Exception exception, CancellationToken cancellationToken) =>
        _engine.Disposing.IsCancellationRequested
        && (exception is LockStoreException || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested));

    private async ValueTask<bool> WaitForTurnAsync(CancellationToken cancellationToken)
    {
        LockTelemetry.WaitBegins(_engine.Type);
        try
        {
            if (!await _engine.Turns.EnterAsync(_key, _budget.QueueTimeLeft, WaitToken(cancellationToken)).ConfigureAwait(false))
            {
                _attempts = _budget.AttemptByTime;
                return false;
            }

            _attempts = _budget.AttemptByTime - 1;
            _waitedForTurn = true;
            return true;
        }
        finally
        {
            LockTelemetry.WaitEnds(_engine.Type);
        }
    }

    private async ValueTask<ContendOutcome> ContendAsync(CancellationToken cancellationToken)
    {
        _attempts++;
        var waits = false;
        try
        {
            // Who had to wait for its turn will most likely have to wait for the lock too: listening first saves one request.
            if (_waitedForTurn && _watches && _engine.Waiting is null)
                await (_watch = new ContenderWatch(_engine, _key)).TryOpenAsync(_request.HolderId, WaitToken(cancellationToken)).ConfigureAwait(false);
            while (true)
            {
                var (reply, sentAt) = await AskAsync(cancellationToken).ConfigureAwait(false);
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
                    LockTelemetry.WaitBegins(_engine.Type);
                }

                await WaitAsync(reply, cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            if (waits)
                LockTelemetry.WaitEnds(_engine.Type);
        }
    }

    /// <summary>Asks until the backend answers, as long as that makes sense.</summary>
    private async ValueTask<(AcquireReply Reply, LeaseInstant SentAt)> AskAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            _lostMeanwhile = false;
            var sentAt = _engine.Clock.Now;
            try
            {
                var reply = await AskOnceAsync(cancellationToken).ConfigureAwait(false);
                _engine.Answered();
                _failures = 0;
                return (reply, sentAt);
            }
            catch (OperationCanceledException)
            {
                _mayHold = true;
                throw;
            }
            catch (LockStoreException exception)
            {
                _mayHold |= exception.MayHaveBeenApplied;
                _failures++;
                _engine.StoreFailed("acquire", _key, _request.HolderId, exception);
                if (!IsWorthAsking(exception))
                    throw;
            }

            await PauseAfterFailureAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private ValueTask<AcquireReply> AskOnceAsync(CancellationToken cancellationToken)
    {
        if (_engine.Waiting is { } waiting && !_options.IsSingleAttempt)
        {
            var limit = WaitToken(cancellationToken);
            return StoreCalls.AwaitAsync(
                static (a, token) => a.Store.AcquireAsync(a.Request, a.Limit, token),
                (Store: waiting, Request: _request, Limit: _budget.QueueTimeLeft), _engine.Type, OnAbandoned, limit);
        }

        return StoreCalls.AwaitAsync(
            static (a, token) => a.Store.TryAcquireAsync(a.Request, token),
            (_engine.Store, Request: _request), _engine.Type, OnAbandoned, WaitToken(cancellationToken));
    }

    /// <summary>The store went on with a request that nobody waits for any more: what it brings is given back.</summary>
    private void OnAbandoned(Task<AcquireReply> task)
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

    /// <summary>Makes a handle of a grant, unless it came too late.</summary>
    private async ValueTask<ILockHandle?> AdoptAsync(AcquireReply reply, LeaseInstant sentAt, CancellationToken cancellationToken)
    {
        var begun = Later(sentAt, reply.QueuedFor * (1 - _options.DriftFactor));
        var ttl = _ttl;
        if (_isPermanent)
        {
            _mayHold = true;
            if (!await MakePermanentAsync(begun, cancellationToken).ConfigureAwait(false))
            {
                GiveBack();
                return null;
            }

            ttl = Timeout.InfiniteTimeSpan;
        }
        else if (_engine.Clock.ElapsedSince(begun) >= ttl - LeaseClock.Drift(ttl, _options.DriftFactor))
        {
            Log.GrantedTooLate(_engine.Logger, _key, _request.HolderId);
            GiveBack();
            return null;
        }

        if (_engine.Waiting is not null)
            _attempts = _budget.AttemptByTime;
        var lease = new Lease(_engine, _request, reply.FencingToken, _options, begun, ttl);
        _engine.Register(lease);

        // From here on the lease itself hears of a loss; one that was told before came to this contender.
        if (_lostMeanwhile)
        {
            lease.Withdraw();
            GiveBack();
            return null;
        }

        _mayHold = false;
        _isGranted = true;
        Token = reply.FencingToken;
        _engine.Adopt(lease);
        return new LockHandle(lease, Attempts, Waited);
    }

    /// <summary>The second step of a lock without expiry.</summary>
    /// <returns>False when the provisional lease was gone before.</returns>
    private async ValueTask<bool> MakePermanentAsync(LeaseInstant begun, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                return await _engine.TryExtendOnceAsync(_key, _request.HolderId, Timeout.InfiniteTimeSpan, WaitToken(cancellationToken))
                    .ConfigureAwait(false) == StoreReply.Done;
            }
            catch (ArgumentException)
            {
                // The store has no locks without expiry. Nothing is left of the try when the caller hears of it.
                _mayHold = false;
                await _engine.Pending.SettledAsync(_key, _request.HolderId, ProvisionalTtl).ConfigureAwait(false);
                throw;
            }
            catch (LockStoreException exception)
            {
                if (!exception.IsTransient || _engine.Clock.ElapsedSince(begun) >= ProvisionalTtl)
                    throw;
                _failures++;
                await Task.Delay(FirstFailurePause, _engine.Clock.Time, WaitToken(cancellationToken)).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Releases the id in the background and goes on with a new one, which that release cannot touch.</summary>
    private void GiveBack()
    {
        _engine.Pending.Add(_key, _request.HolderId, _isPermanent ? Timeout.InfiniteTimeSpan : _ttl);
        Volatile.Write(ref _request, NewRequest());
        _mayHold = false;
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

    private LeaseInstant Later(LeaseInstant instant, TimeSpan by) =>
        by <= TimeSpan.Zero ? instant : new(instant.Timestamp + _engine.Clock.ToTimestampTicks(by), instant.WallTicks + by.Ticks);

    private AcquireRequest NewRequest() => new(_key, HolderIds.New(), _options.Owner, _ttl)
    {
        Queue = _options.Fair == true && !_options.IsSingleAttempt,
        KeepOnDisconnect = _options.KeepOnDisconnect,
    };

    /// <summary>The caller's token, and the end of this <see cref="ILock"/>: a wait ends with either.</summary>
    private CancellationToken WaitToken(CancellationToken cancellationToken) => !cancellationToken.CanBeCanceled
        ? _engine.Disposing
        : (_waitLimit ??= CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _engine.Disposing)).Token;

    private void CleanUp()
    {
        if (_mayHold || (_request.Queue && !_isGranted))
            _engine.Pending.Add(_key, _request.HolderId, _isPermanent ? Timeout.InfiniteTimeSpan : _ttl);
        _watch?.Close();
        _waitLimit?.Dispose();
    }
}
