using System.Diagnostics.CodeAnalysis;

namespace Locking;

/// <summary>One lease and its state machine. The handle that the caller has is a thin shell around it.</summary>
/// <remarks>
/// <list type="table">
/// <listheader><term>State</term><description>Means → next</description></listheader>
/// <item><term>Held</term><description>last request confirmed, validity left → renewed: Held; no answer: Doubtful; "not yours" or validity
/// gone: Lost; unlocked: Released</description></item>
/// <item><term>Doubtful</term><description>last renewal unanswered, validity left → renewed: Held; "not yours" or validity gone: Lost;
/// unlocked: Released</description></item>
/// <item><term>Lost</term><description>end; the lost token has fired</description></item>
/// <item><term>Released</term><description>end; the caller gave it back, the lost token never fires</description></item>
/// </list>
/// <para>
/// The alarm of a lease rings for its next renewal and for the end of its validity, whichever comes first. The end is decided on the
/// alarm clock's thread; requests run on the thread pool. Requests that change the TTL go one at a time, since the last one
/// that the backend applies must be the last one that is counted here. A release does not wait for them: extending never creates a
/// lease, so a late one finds nothing.
/// </para>
/// </remarks>
[SuppressMessage("Design", "CA1001", Justification = "Neither the semaphore nor the token sources have anything to free: no wait handles, no timers.")]
internal sealed class Lease : Alarm
{
    private static readonly TimeSpan ShortestRetry = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan LongestRetry = TimeSpan.FromSeconds(1);

    /// <summary>A lease without expiry is looked at this often, so that a loss is noticed.</summary>
    private static readonly TimeSpan CheckInterval = TimeSpan.FromSeconds(10);

    private readonly Lock _gate = new();
    private readonly StoreLock _engine;
    private readonly EffectiveOptions _options;
    private readonly LeaseInstant _grantedFrom;

    private SemaphoreSlim? _oneRequest;
    private CancellationTokenSource? _stopRequests;
    private LeaseState _state = LeaseState.Held;
    private LostReason? _lostReason;
    private CancellationTokenSource? _lost;
    private Task<UnlockOutcome>? _unlock;
    private TaskCompletionSource<Task<UnlockOutcome>>? _unlockBegins;
    private bool _isUnlocking;
    private TimeSpan _ttl;
    private LeaseInstant _validFrom;
    private TimeSpan _validFor;
    private bool _renews;
    private long _renewAt;
    private bool _renewing;
    private bool _atMaxHold;
    private bool _abandoned;

    /// <summary>Makes the lease of a grant.</summary>
    /// <param name="engine">Whose lease it is.</param>
    /// <param name="request">What was granted.</param>
    /// <param name="token">The grant's fencing token.</param>
    /// <param name="options">The options of the call.</param>
    /// <param name="grantedFrom">No later than the moment the backend began the lease.</param>
    /// <param name="ttl">The TTL in force, no longer than maxHold.</param>
    public Lease(
        StoreLock engine, AcquireRequest request, long? token, EffectiveOptions options, LeaseInstant grantedFrom, TimeSpan ttl)
    {
        _engine = engine;
        _options = options;
        _grantedFrom = grantedFrom;
        Key = request.Key;
        Id = request.HolderId;
        Owner = request.Owner;
        KeepOnDisconnect = request.KeepOnDisconnect;
        FencingToken = token;
        _ttl = options.Ttl;
        _renews = options.Renews;
        _validFrom = grantedFrom;
        _validFor = Validity(ttl);
        _renewAt = NextRenewal(grantedFrom);
        _atMaxHold = options.MaxHold != Timeout.InfiniteTimeSpan && ttl != _ttl;
    }

    public string Key { get; }

    public string Id { get; }

    public string Owner { get; }

    public bool KeepOnDisconnect { get; }

    public long? FencingToken { get; }

    private LeaseClock Clock => _engine.Clock;

    /// <summary>After this time from now the backend has forgotten the lease by itself, at the latest.</summary>
    public TimeSpan LongestTtl
    {
        get
        {
            lock (_gate)
                return _ttl;
        }
    }

    public TimeSpan Remaining
    {
        get
        {
            lock (_gate)
                return _state is LeaseState.Held or LeaseState.Doubtful ? RemainingUnsynchronized() : TimeSpan.Zero;
        }
    }

    public LostReason? LostReason
    {
        get
        {
            LoseIfOver();
            lock (_gate)
                return _lostReason;
        }
    }

    /// <summary>Whether the validity would still last, had the lease not been given back.</summary>
    public bool IsWithinValidity
    {
        get
        {
            lock (_gate)
                return RemainingUnsynchronized() != TimeSpan.Zero;
        }
    }

    public CancellationToken LostToken
    {
        get
        {
            LoseIfOver();
            lock (_gate)
            {
                if (_lost is null)
                {
                    _lost = new CancellationTokenSource();
                    if (_state == LeaseState.Lost)
                        _lost.Cancel(); // nobody can have registered yet
                }

                return _lost.Token;
            }
        }
    }

    /// <summary>Starts the alarm. Called once, when the lease is in the engine's register.</summary>
    public void Start(LeaseInstant now)
    {
        lock (_gate)
            SetAlarmUnsynchronized(now);
    }

    public void ThrowIfLost()
    {
        LoseIfOver();
        lock (_gate)
        {
            if (_state == LeaseState.Lost)
                throw new LockLostException(Key, Id, _lostReason!.Value);
            ObjectDisposedException.ThrowIf(_state == LeaseState.Released, typeof(ILockHandle));
        }
    }

    /// <summary>Ends the lease as lost, once.</summary>
    /// <returns>False when it had ended before.</returns>
    public bool Lose(LostReason reason)
    {
        CancellationTokenSource? lost;
        lock (_gate)
        {
            if (_state is LeaseState.Lost or LeaseState.Released)
                return false;
            _state = LeaseState.Lost;
            _lostReason = reason;
            lost = _lost;
        }

        // The flag is set before anything else, here and now; callbacks run on the pool, since user code may block.
        _ = lost?.CancelAsync();
        Stop();
        _engine.OnLost(this, reason, HeldFor());
        return true;
    }

    /// <summary>Ends a lease that nobody has been given yet; no loss is reported.</summary>
    public void Withdraw()
    {
        lock (_gate)
        {
            if (_state is LeaseState.Lost or LeaseState.Released)
                return;
            _state = LeaseState.Released;
        }

        Stop();
    }

    /// <summary>The handle was collected without having been disposed: no more renewals.</summary>
    public void Abandon()
    {
        lock (_gate)
        {
            if (_state is LeaseState.Lost or LeaseState.Released)
                return;
            _abandoned = true;
        }

        // Not here: this is the finalizer's thread, and a log is other people's code.
        ThreadPool.UnsafeQueueUserWorkItem(
            static lease => Log.Dropped(lease._engine.Logger, lease.Key, lease.Id), this, preferLocal: false);
    }

    public Task<UnlockOutcome> UnlockAsync()
    {
        LoseIfOver();
        bool wasLost;
        lock (_gate)
        {
            if (_unlock is not null)
                return _unlock;
            if (_isUnlocking)
                return (_unlockBegins ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task.Unwrap();
            _isUnlocking = true;
            wasLost = _state == LeaseState.Lost;
            if (!wasLost)
                _state = LeaseState.Released;
        }

        // A renewal in flight is stopped first; one that is applied after the release finds nothing to extend.
        Stop();
        if (!wasLost && LockTelemetry.MeasuresHeld)
            LockTelemetry.Held(_engine.Type, HeldFor());
        var unlock = _engine.ReleaseAsync(this, wasLive: !wasLost, _options.ReleaseTimeout);

        // The request is sent without the gate; whoever asks a second time meanwhile waits for the task of the first.
        TaskCompletionSource<Task<UnlockOutcome>>? begins;
        lock (_gate)
        {
            _unlock = unlock;
            begins = _unlockBegins;
        }

        begins?.SetResult(unlock);
        return unlock;
    }

    /// <summary>Restarts the TTL with a new length.</summary>
    /// <exception cref="LockStoreException">No answer; the shorter of the old and the new validity stands.</exception>
    public async ValueTask<bool> TryExtendAsync(TimeSpan ttl, CancellationToken cancellationToken)
    {
        if (!IsLive())
            return false;
        var oneRequest = OneRequest();
        await oneRequest.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (!IsLive())
                return false;
            return await ExtendOneAsync(ttl, isRenewal: false, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            oneRequest.Release();
        }
    }

    internal override void Ring()
    {
        if (LoseIfOver())
            return;
        lock (_gate)
        {
            if (_state is LeaseState.Lost or LeaseState.Released)
                return;
            if (!_renewing && HasRenewalUnsynchronized() && _renewAt <= Clock.Time.GetTimestamp())
            {
                _renewing = true;
                ThreadPool.UnsafeQueueUserWorkItem(static lease => _ = lease.RenewAsync(), this, preferLocal: false);
            }
        }

        SetAlarm();
    }

    private bool IsLive()
    {
        if (LoseIfOver())
            return false;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_state == LeaseState.Released, typeof(ILockHandle));
            return _state != LeaseState.Lost;
        }
    }

    private async Task RenewAsync()
    {
        var oneRequest = OneRequest();
        await oneRequest.WaitAsync().ConfigureAwait(false);
        try
        {
            TimeSpan ttl;
            lock (_gate)
            {
                if (_state is LeaseState.Lost or LeaseState.Released || !HasRenewalUnsynchronized())
                    return;
                ttl = _ttl;
            }

            await ExtendOneAsync(ttl, isRenewal: true, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            // Whatever a store throws: without an answer the lease is in doubt, and asks again after a pause.
            Doubt(exception);
        }
        finally
        {
            oneRequest.Release();
            lock (_gate)
                _renewing = false;
            SetAlarm();
        }
    }

    /// <summary>One request; the caller has the turn.</summary>
    private async ValueTask<bool> ExtendOneAsync(TimeSpan ttl, bool isRenewal, CancellationToken cancellationToken)
    {
        var sentAt = Clock.Now;
        var sentTtl = WithinMaxHold(ttl);
        if (sentTtl <= TimeSpan.Zero && sentTtl != Timeout.InfiniteTimeSpan)
        {
            LoseIfOver();
            return IsLive();
        }

        ShortenTo(sentAt, sentTtl);
        if (StopToken() is not { } stop)
            return IsLive(); // lost or given back meanwhile
        var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, stop);
        StoreReply reply;
        try
        {
            reply = await _engine.ExtendAsync(this, sentTtl, limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return IsLive(); // lost or given back meanwhile
        }
        finally
        {
            StoreCalls.Dispose(limit);
        }

        if (reply != StoreReply.Done)
        {
            Lose(reply == StoreReply.HeldByAnother ? Locking.LostReason.HeldByAnother : Locking.LostReason.Removed);
            return false;
        }

        lock (_gate)
        {
            if (_state is LeaseState.Lost or LeaseState.Released)
                return _state != LeaseState.Lost;
            _state = LeaseState.Held;
            if (!isRenewal)
                _ttl = ttl;
            _validFrom = sentAt;
            _validFor = Validity(sentTtl);
            _renewAt = NextRenewal(sentAt);
            _atMaxHold = sentTtl != ttl;
        }

        SetAlarm();
        return !LoseIfOver();
    }

    /// <summary>
    /// A request that shortens the lease may be applied although its answer is lost: the shorter validity counts from the moment it is
    /// sent.
    /// </summary>
    private void ShortenTo(LeaseInstant sentAt, TimeSpan ttl)
    {
        if (ttl == Timeout.InfiniteTimeSpan)
            return;
        lock (_gate)
        {
            var validity = Validity(ttl);
            var remaining = RemainingUnsynchronized();
            if (remaining != Timeout.InfiniteTimeSpan && validity >= remaining)
                return;
            _validFrom = sentAt;
            _validFor = validity;
        }

        SetAlarm();
    }

    /// <summary>A renewal was not answered: again soon, until the validity ends.</summary>
    private void Doubt(Exception exception)
    {
        lock (_gate)
        {
            if (_state is LeaseState.Lost or LeaseState.Released)
                return;
            _state = LeaseState.Doubtful;
            var pause = RenewInterval() / 4;
            pause = pause < ShortestRetry ? ShortestRetry : pause > LongestRetry ? LongestRetry : pause;
            _renewAt = Clock.TimestampIn(pause);
        }

        Log.StoreFailed(_engine.Logger, _engine.Type, "renew", Key, Id, exception.Message);
    }

    /// <summary>Ends the lease when its validity is over, whatever the alarm is doing.</summary>
    /// <returns>True when the lease is lost.</returns>
    private bool LoseIfOver()
    {
        bool atMaxHold;
        lock (_gate)
        {
            if (_state == LeaseState.Lost)
                return true;
            if (_state == LeaseState.Released || RemainingUnsynchronized() is var left && (left == Timeout.InfiniteTimeSpan || left > TimeSpan.Zero))
                return false;
            atMaxHold = _options.MaxHold != Timeout.InfiniteTimeSpan && WithinMaxHold(TimeSpan.MaxValue) <= LeaseClock.Drift(_options.MaxHold, _options.DriftFactor);
        }

        Lose(atMaxHold ? Locking.LostReason.MaxHoldReached : Locking.LostReason.Expired);
        return true;
    }

    private TimeSpan RemainingUnsynchronized() =>
        _validFor == Timeout.InfiniteTimeSpan ? Timeout.InfiniteTimeSpan : RemainingUnsynchronized(Clock.Now);

    private TimeSpan RemainingUnsynchronized(LeaseInstant now)
    {
        if (_validFor == Timeout.InfiniteTimeSpan)
            return Timeout.InfiniteTimeSpan;
        var left = _validFor - Clock.Elapsed(_validFrom, now);
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }

    private TimeSpan Validity(TimeSpan ttl) =>
        ttl == Timeout.InfiniteTimeSpan ? ttl : ttl - LeaseClock.Drift(ttl, _options.DriftFactor);

    /// <summary>The TTL to ask for now, so that the lease does not reach beyond maxHold.</summary>
    private TimeSpan WithinMaxHold(TimeSpan ttl)
    {
        if (_options.MaxHold == Timeout.InfiniteTimeSpan)
            return ttl;
        var left = _options.MaxHold - Clock.ElapsedSince(_grantedFrom);
        if (left <= TimeSpan.Zero)
            return TimeSpan.Zero; // and never -1 ms, which means for ever
        return ttl == Timeout.InfiniteTimeSpan || ttl > left ? TimeSpan.FromMilliseconds(Math.Floor(left.TotalMilliseconds)) : ttl;
    }

    private bool HasRenewalUnsynchronized() =>
        !_abandoned && !_atMaxHold && (_renews || _ttl == Timeout.InfiniteTimeSpan);

    private TimeSpan RenewInterval() =>
        _ttl == Timeout.InfiniteTimeSpan
            ? _options.GivenRenewInterval ?? CheckInterval
            : _options.GivenRenewInterval is { } given && given <= _ttl / 2 ? given : _ttl / 3;

    private long NextRenewal(LeaseInstant from) => from.Timestamp + Clock.ToTimestampTicks(RenewInterval());

    private TimeSpan HeldFor() => Clock.ElapsedSince(_grantedFrom);

    /// <summary>Cancelled when the lease ends; null when it has ended. Made with the first request, which most leases never make.</summary>
    private CancellationToken? StopToken()
    {
        lock (_gate)
            return _state is LeaseState.Lost or LeaseState.Released ? null : (_stopRequests ??= new CancellationTokenSource()).Token;
    }

    /// <summary>Requests that change the TTL go through here one at a time; most leases never make one.</summary>
    private SemaphoreSlim OneRequest()
    {
        lock (_gate)
            return _oneRequest ??= new SemaphoreSlim(1, 1);
    }

    private void SetAlarm()
    {
        // The look at the lease and the alarm are one step: otherwise a moment that was right before the lease was shortened, or before
        // it ended, could be set after it, and the alarm ring too late. (The alarm clock's own gate is never held when a lease's is taken.)
        lock (_gate)
            SetAlarmUnsynchronized(Clock.Now);
    }

    private void SetAlarmUnsynchronized(LeaseInstant now)
    {
        if (_state is LeaseState.Lost or LeaseState.Released)
            return;
        var left = RemainingUnsynchronized(now);
        var due = left == Timeout.InfiniteTimeSpan ? long.MaxValue : now.Timestamp + Clock.ToTimestampTicks(left);
        if (!_renewing && HasRenewalUnsynchronized() && _renewAt < due)
            due = _renewAt;
        if (due != long.MaxValue)
            _engine.Alarms.Set(this, due);
    }

    private void Stop()
    {
        CancellationTokenSource? requests;
        lock (_gate)
        {
            _engine.Alarms.Cancel(this);
            requests = _stopRequests;
        }

        _ = requests?.CancelAsync();
        _engine.Forget(this);
    }
}
