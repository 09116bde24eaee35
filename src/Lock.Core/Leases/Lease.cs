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
/// alarm clock's thread; renewals are asked for on threads of the engine's own (<see cref="LeaseRequests"/>). Its times are
/// <see cref="LeaseTerm"/>'s.
/// </para>
/// <para>
/// A step of the wall clock ends no lease. It may be the only trace of a virtual machine that was paused, so every lease becomes Doubtful and
/// asks its backend at once, one that does not renew as well (for no more than what is left of it). Where by the wall clock the
/// lease would be over, only what can be asked within <see cref="LongestDoubt"/> is still believed.
/// </para>
/// </remarks>
[SuppressMessage("Design", "CA1001", Justification = "The token source has nothing to free: no wait handle, no timer.")]
internal sealed class Lease : Alarm, IReleasedLease
{
    /// <summary>So long a lease that is over by the wall clock waits for its backend's word.</summary>
    internal static readonly TimeSpan LongestDoubt = TimeSpan.FromSeconds(2);

    private readonly Lock _gate = new();
    private readonly StoreClient _store;
    private readonly LeaseRegister _register;
    private readonly LeaseReleases _releases;
    private readonly AcquireRequest _request;

    private LeaseTerm _term;
    private LeaseRequests? _requests;
    private LeaseState _state = LeaseState.Held;
    private LostReason? _lostReason;
    private CancellationTokenSource? _lost;
    private Task<UnlockOutcome>? _unlock;
    private TaskCompletionSource<Task<UnlockOutcome>>? _unlockBegins;
    private bool _isUnlocking;
    private bool _asks;
    private bool _renewing;
    private bool _abandoned;

    /// <summary>Makes the lease of a grant.</summary>
    /// <param name="store">Who is asked for renewals.</param>
    /// <param name="register">Where the lease stands until it ends.</param>
    /// <param name="releases">Gives it back.</param>
    /// <param name="request">What was granted.</param>
    /// <param name="token">The grant's fencing token.</param>
    /// <param name="term">Its times.</param>
    public Lease(
        StoreClient store, LeaseRegister register, LeaseReleases releases, AcquireRequest request, long? token, in LeaseTerm term)
    {
        _store = store;
        _register = register;
        _releases = releases;
        _request = request;
        FencingToken = token;
        _term = term;
    }

    public string Key => _request.Key;

    public string Id => _request.HolderId;

    public string Owner => _request.Owner;

    public bool KeepOnDisconnect => _request.KeepOnDisconnect;

    public long? FencingToken { get; }

    /// <inheritdoc/>
    public TimeSpan LongestTtl
    {
        get
        {
            lock (_gate)
                return _term.Ttl;
        }
    }

    /// <summary>What is left until the loss is announced; without expiry the longest span, which is smaller than none.</summary>
    public TimeSpan Remaining
    {
        get
        {
            lock (_gate)
            {
                if (HasEndedUnsynchronized())
                    return TimeSpan.Zero;
                return _term.HasEnd ? _term.Left(Now) : TimeSpan.MaxValue;
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

    /// <inheritdoc/>
    public bool IsWithinValidity
    {
        get
        {
            lock (_gate)
                return _term.Left(Now) != TimeSpan.Zero;
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

    private long Now => _store.Clock.Now;

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

    /// <summary>Whether it is held still.</summary>
    /// <exception cref="ObjectDisposedException">It was given back.</exception>
    public bool IsLive()
    {
        if (LoseIfOver())
            return false;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_state == LeaseState.Released, typeof(ILockHandle));
            return _state != LeaseState.Lost;
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
            if (HasEndedUnsynchronized())
                return false;
            _state = LeaseState.Lost;
            _lostReason = reason;
            lost = _lost;
        }

        // The flag is set before anything else, here and now; callbacks run on the pool, since user code may block.
        _ = lost?.CancelAsync();
        Stop();
        LossReport.Queue(this, _store.Type, _store.Logger, reason, _term.HeldFor(), late, _store.Outage);
        return true;
    }

    /// <summary>Ends a lease that nobody has been given yet; no loss is reported.</summary>
    public void Withdraw()
    {
        lock (_gate)
        {
            if (HasEndedUnsynchronized())
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
            if (HasEndedUnsynchronized())
                return;
            _abandoned = true;
        }

        // Not here: this is the finalizer's thread, and a log is other people's code.
        ThreadPool.UnsafeQueueUserWorkItem(
            static lease => Log.Dropped(lease._store.Logger, lease.Key, lease.Id), this, preferLocal: false);
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
            LockTelemetry.Held(_store.Type, _term.HeldFor());
        Task<UnlockOutcome> unlock = _releases.ReleaseAsync(this, wasLive: !wasLost, _term.Options.ReleaseTimeout);

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
    public ValueTask<bool> TryExtendAsync(TimeSpan ttl, CancellationToken cancellationToken)
    {
        LeaseRequests requests;
        lock (_gate)
            requests = RequestsUnsynchronized();
        return requests.TryExtendAsync(ttl, cancellationToken);
    }

    /// <summary>A ttl that drift, or the margin, leaves nothing of is refused.</summary>
    public void RefuseWithoutValidity(TimeSpan ttl)
    {
        TimeSpan margin = _term.Options.LostMarginOf(ttl);
        if (ttl != Timeout.InfiniteTimeSpan && ttl <= margin)
        {
            throw new ArgumentOutOfRangeException(
                nameof(ttl), ttl, $"A ttl of {ttl.TotalMilliseconds} ms leaves nothing of the lease: its loss is announced "
                + $"{margin.TotalMilliseconds} ms before its end (lostMargin, driftFactor).");
        }
    }

    /// <summary>A request that changes the TTL is about to be sent.</summary>
    /// <returns>The TTL to ask for, within maxHold; null when nothing is left to ask for.</returns>
    public TimeSpan? BeginExtending(TimeSpan ttl, long sentAt)
    {
        lock (_gate)
        {
            TimeSpan sentTtl = _term.WithinMaxHold(ttl, sentAt);
            if (HasEndedUnsynchronized() || (sentTtl <= TimeSpan.Zero && sentTtl != Timeout.InfiniteTimeSpan))
                return null;
            if (_term.TryShorten(sentTtl, sentAt))
                SetAlarmUnsynchronized(Now);
            return sentTtl;
        }
    }

    /// <summary>The backend has done it.</summary>
    /// <returns>Whether the lease is held still.</returns>
    public bool Extended(TimeSpan? ttl, TimeSpan sentTtl, bool isAtMaxHold, long sentAt)
    {
        lock (_gate)
        {
            if (HasEndedUnsynchronized())
                return _state != LeaseState.Lost;
            _state = LeaseState.Held;
            _asks = false;
            _term.Extended(ttl, sentTtl, isAtMaxHold, sentAt);
            SetAlarmUnsynchronized(Now);
        }

        return !LoseIfOver();
    }

    /// <summary>What the renewal that is due asks for; null when there is nothing to ask for.</summary>
    public TimeSpan? RenewalTtl()
    {
        lock (_gate)
        {
            if (HasEndedUnsynchronized() || !HasRenewalUnsynchronized())
                return null;
            TimeSpan ttl = _term.IsRenewed ? _term.Ttl : _term.LeftInBackend(Now);
            return ttl > TimeSpan.Zero || ttl == Timeout.InfiniteTimeSpan ? ttl : null;
        }
    }

    /// <summary>A renewal was not answered: again soon, until the validity ends.</summary>
    /// <returns>False when the lease has ended.</returns>
    public bool TryDoubt()
    {
        lock (_gate)
        {
            if (HasEndedUnsynchronized())
                return false;
            _state = LeaseState.Doubtful;
            _term.RenewAt = RetryAtUnsynchronized();
            return true;
        }
    }

    /// <summary>The renewal is over, whatever came of it.</summary>
    public void RenewalEnded()
    {
        lock (_gate)
        {
            _renewing = false;
            SetAlarmUnsynchronized(Now);
        }
    }

    /// <summary>The renewal could not be asked for now.</summary>
    public void RenewLater()
    {
        lock (_gate)
        {
            _term.RenewAt = RetryAtUnsynchronized();
            _renewing = false;
            SetAlarmUnsynchronized(Now);
        }
    }

    internal override void Ring()
    {
        if (LoseIfOver())
            return;
        lock (_gate)
        {
            if (HasEndedUnsynchronized())
                return;
            long now = Now;
            if (!_renewing && HasRenewalUnsynchronized() && _term.RenewAt <= now)
            {
                _renewing = true;
                EngineThreads.Queue(RequestsUnsynchronized());
            }

            SetAlarmUnsynchronized(now);
        }
    }

    /// <summary>The wall clock has gained or lost this much on the one that counts: it was set, or the machine stood still unseen.</summary>
    internal override void OnClockStep(TimeSpan gained)
    {
        lock (_gate)
        {
            if (_abandoned || HasEndedUnsynchronized())
                return;
            _state = LeaseState.Doubtful;
            _asks = true;
            long now = Now;
            _term.Doubt(gained, LongestDoubt, now);
            SetAlarmUnsynchronized(now);
        }
    }

    /// <summary>Who holds it, in words; null when it is over.</summary>
    public string? Describe()
    {
        lock (_gate)
            return HasEndedUnsynchronized() ? null : HolderText.Of(Owner, Id, _term.HeldFor());
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
            if (_state == LeaseState.Released || !_term.HasEnd)
                return false;
            long now = Now;
            late = _term.OverFor(now);
            if (late < TimeSpan.Zero)
                return false;
            atMaxHold = _term.IsAtMaxHold(now);
        }

        Lose(atMaxHold ? Locking.LostReason.MaxHoldReached : Locking.LostReason.Expired, late);
        return true;
    }

    private bool HasEndedUnsynchronized() => _state is LeaseState.Lost or LeaseState.Released;

    private bool HasRenewalUnsynchronized() => !_abandoned && (_asks || _term.IsRenewed);

    private long RetryAtUnsynchronized() => _store.Clock.TimestampIn(_term.RetryPause());

    private LeaseRequests RequestsUnsynchronized() => _requests ??= new LeaseRequests(this, _store);

    /// <summary>Sets the alarm for what comes next.</summary>
    /// <remarks>
    /// The look at the lease and the alarm are one step: otherwise a moment that was right before the lease was shortened, or before it ended, could
    /// be set after it, and the alarm ring too late. (The alarm clock's own gate is never held when a lease's is taken.)
    /// </remarks>
    private void SetAlarmUnsynchronized(long now)
    {
        if (HasEndedUnsynchronized())
            return;
        long due = _term.HasEnd ? now + _store.Clock.ToTimestampTicks(_term.Left(now)) : long.MaxValue;
        if (!_renewing && HasRenewalUnsynchronized() && _term.RenewAt < due)
            due = _term.RenewAt;
        if (due != long.MaxValue)
            _store.Alarms.Set(this, due);
    }

    private void Stop()
    {
        LeaseRequests? requests;
        lock (_gate)
        {
            _store.Alarms.Cancel(this);
            requests = _requests;
        }

        requests?.Stop();
        _register.Remove(this);
    }
}
