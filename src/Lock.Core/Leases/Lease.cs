using System.Diagnostics.CodeAnalysis;
using System.Globalization;

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
/// alarm clock's thread; renewals are asked for on threads of the engine's own. Requests that change the TTL go one at a time, since the
/// last one that the backend applies must be the last one that is counted here. A release does not wait for them: extending never
/// creates a lease, so a late one finds nothing.
/// </para>
/// <para>
/// A step of the wall clock ends no lease. It may be the only trace of a virtual machine that was paused, so every lease becomes Doubtful and
/// asks its backend at once, one that does not renew as well (for no more than what is left of it). Where by the wall clock the
/// lease would be over, only what can be asked within <see cref="LongestDoubt"/> is still believed.
/// </para>
/// </remarks>
[SuppressMessage("Design", "CA1001", Justification = "Neither the semaphore nor the token sources have anything to free: no wait handles, no timers.")]
internal sealed class Lease : Alarm, IThreadPoolWorkItem
{
    /// <summary>So long a lease that is over by the wall clock waits for its backend's word.</summary>
    internal static readonly TimeSpan LongestDoubt = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan ShortestRetry = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan LongestRetry = TimeSpan.FromSeconds(1);

    /// <summary>A lease without expiry is looked at this often, so that a loss is noticed.</summary>
    private static readonly TimeSpan CheckInterval = TimeSpan.FromSeconds(10);

    private readonly Lock _gate = new();
    private readonly StoreLock _engine;
    private readonly EffectiveOptions _options;
    private readonly long _grantedFrom;

    private SemaphoreSlim? _oneRequest;
    private CancellationTokenSource? _stopRequests;
    private LeaseState _state = LeaseState.Held;
    private LostReason? _lostReason;
    private CancellationTokenSource? _lost;
    private Task<UnlockOutcome>? _unlock;
    private TaskCompletionSource<Task<UnlockOutcome>>? _unlockBegins;
    private bool _isUnlocking;
    private TimeSpan _ttl;
    private long _validFrom;
    private TimeSpan _validFor;
    private bool _renews;
    private bool _asks;
    private long _backendEndsAt;
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
        StoreLock engine, AcquireRequest request, long? token, EffectiveOptions options, long grantedFrom, TimeSpan ttl)
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
        _backendEndsAt = BackendEnd(grantedFrom, ttl);
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

    /// <summary>What is left until the loss is announced; without expiry the longest span, which is smaller than none.</summary>
    public TimeSpan Remaining
    {
        get
        {
            lock (_gate)
            {
                if (_state is LeaseState.Lost or LeaseState.Released)
                    return TimeSpan.Zero;
                var left = RemainingUnsynchronized();
                return left == Timeout.InfiniteTimeSpan ? TimeSpan.MaxValue : left;
            }
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
    public void Start(long now)
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
    public bool Lose(LostReason reason) => Lose(reason, TimeSpan.Zero);

    /// <inheritdoc cref="Lose(LostReason)"/>
    /// <param name="reason">Why.</param>
    /// <param name="late">How long after the moment at which it had to be announced.</param>
    private bool Lose(LostReason reason, TimeSpan late)
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
        _engine.OnLost(this, reason, HeldFor(), late);
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
        if (ttl != Timeout.InfiniteTimeSpan && ttl <= _options.LostMarginOf(ttl))
        {
            throw new ArgumentOutOfRangeException(
                nameof(ttl), ttl, $"A ttl of {ttl.TotalMilliseconds} ms leaves nothing of the lease: its loss is announced "
                + $"{_options.LostMarginOf(ttl).TotalMilliseconds} ms before its end (lostMargin, driftFactor).");
        }

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
                EngineThreads.Queue(this);
            }
        }

        SetAlarm();
    }

    /// <summary>The wall clock has gained or lost this much on the one that counts: it was set, or the machine stood still unseen.</summary>
    internal override void OnClockStep(TimeSpan gained)
    {
        lock (_gate)
        {
            if (_abandoned || _state is LeaseState.Lost or LeaseState.Released)
                return;
            _state = LeaseState.Doubtful;
            _asks = true;
            var now = Clock.Now;
            _renewAt = now;
            var left = RemainingUnsynchronized(now);
            if (left != Timeout.InfiniteTimeSpan && left <= gained && left > LongestDoubt)
            {
                _validFrom = now;
                _validFor = LongestDoubt;
            }
        }

        SetAlarm();
    }

    /// <summary>A renewal, on a thread of the engine's own.</summary>
    void IThreadPoolWorkItem.Execute() => _ = RenewAsync();

    /// <summary>Who holds it, in words; null when it is over.</summary>
    public string? Describe()
    {
        lock (_gate)
        {
            return _state is LeaseState.Lost or LeaseState.Released
                ? null
                : string.Create(CultureInfo.InvariantCulture, $"owner '{Owner}', id {Id}, for {HeldFor().TotalSeconds:0.0} s");
        }
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
        if (!oneRequest.Wait(TimeSpan.Zero, CancellationToken.None))
        {
            // A caller extends the lease right now, which renews it: waiting for that would need the thread pool. It is looked at again soon.
            lock (_gate)
            {
                _renewAt = Clock.TimestampIn(RetryPause());
                _renewing = false;
            }

            SetAlarm();
            return;
        }

        try
        {
            TimeSpan ttl;
            lock (_gate)
            {
                if (_state is LeaseState.Lost or LeaseState.Released || !HasRenewalUnsynchronized())
                    return;
                ttl = IsRenewedUnsynchronized() ? _ttl : LeftInBackendUnsynchronized();
            }

            if (ttl > TimeSpan.Zero || ttl == Timeout.InfiniteTimeSpan)
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
            _asks = false;
            if (!isRenewal)
                _ttl = ttl;
            _validFrom = sentAt;
            _validFor = Validity(sentTtl);
            _backendEndsAt = BackendEnd(sentAt, sentTtl);
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
    private void ShortenTo(long sentAt, TimeSpan ttl)
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
            _renewAt = Clock.TimestampIn(RetryPause());
        }

        _engine.StoreFailed("renew", Key, Id, exception);
    }

    private TimeSpan RetryPause()
    {
        var pause = RenewInterval() / 4;
        return pause < ShortestRetry ? ShortestRetry : pause > LongestRetry ? LongestRetry : pause;
    }

    /// <summary>Ends the lease when its validity is over, whatever the alarm is doing.</summary>
    /// <returns>True when the lease is lost.</returns>
    private bool LoseIfOver()
    {
        bool atMaxHold;
        TimeSpan late;
        lock (_gate)
        {
            if (_state == LeaseState.Lost)
                return true;
            if (_state == LeaseState.Released || _validFor == Timeout.InfiniteTimeSpan)
                return false;
            late = Clock.ElapsedSince(_validFrom) - _validFor;
            if (late < TimeSpan.Zero)
                return false;
            atMaxHold = _options.MaxHold != Timeout.InfiniteTimeSpan && WithinMaxHold(TimeSpan.MaxValue) <= _options.LostMarginOf(_options.MaxHold);
        }

        Lose(atMaxHold ? Locking.LostReason.MaxHoldReached : Locking.LostReason.Expired, late);
        return true;
    }

    private TimeSpan RemainingUnsynchronized() =>
        _validFor == Timeout.InfiniteTimeSpan ? Timeout.InfiniteTimeSpan : RemainingUnsynchronized(Clock.Now);

    private TimeSpan RemainingUnsynchronized(long now)
    {
        if (_validFor == Timeout.InfiniteTimeSpan)
            return Timeout.InfiniteTimeSpan;
        var left = _validFor - Clock.Elapsed(_validFrom, now);
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }

    private TimeSpan Validity(TimeSpan ttl) =>
        ttl == Timeout.InfiniteTimeSpan ? ttl : ttl - _options.LostMarginOf(ttl);

    private long BackendEnd(long from, TimeSpan ttl) =>
        ttl == Timeout.InfiniteTimeSpan ? long.MaxValue : from + Clock.ToTimestampTicks(ttl);

    /// <summary>What is left of the lease in the backend, at most: what a lease that does not renew asks for.</summary>
    private TimeSpan LeftInBackendUnsynchronized()
    {
        if (_backendEndsAt == long.MaxValue)
            return Timeout.InfiniteTimeSpan;
        var left = Clock.Time.GetElapsedTime(Clock.Now, _backendEndsAt);
        return left > TimeSpan.Zero ? TimeSpan.FromMilliseconds(Math.Floor(left.TotalMilliseconds)) : TimeSpan.Zero;
    }

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

    private bool HasRenewalUnsynchronized() => !_abandoned && (_asks || IsRenewedUnsynchronized());

    private bool IsRenewedUnsynchronized() => !_atMaxHold && (_renews || _ttl == Timeout.InfiniteTimeSpan);

    private TimeSpan RenewInterval()
    {
        if (_ttl == Timeout.InfiniteTimeSpan)
            return _options.GivenRenewInterval ?? CheckInterval;
        var interval = _options.GivenRenewInterval is { } given && given <= _ttl / 2 ? given : _ttl / 3;

        // A wide margin leaves less time than the ttl says.
        return _options.LostMargin is not null && interval > Validity(_ttl) / 2 ? Validity(_ttl) / 2 : interval;
    }

    private long NextRenewal(long from) => from + Clock.ToTimestampTicks(RenewInterval());

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

    private void SetAlarmUnsynchronized(long now)
    {
        if (_state is LeaseState.Lost or LeaseState.Released)
            return;
        var left = RemainingUnsynchronized(now);
        var due = left == Timeout.InfiniteTimeSpan ? long.MaxValue : now + Clock.ToTimestampTicks(left);
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
