using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Locking;

/// <summary>One lease. The handle that the caller has is a thin shell around it.</summary>
/// <remarks>
/// <para>
/// The alarm of a lease rings for its next renewal and for the end of its validity, whichever comes first. The end is decided on the
/// alarm clock's thread; renewals are asked for on threads of the engine's own (<see cref="LeaseRequests"/>). Its states and times are
/// <see cref="LeaseStanding"/>'s: here are the gate, the alarm, the lost token, and whoever must be told.
/// </para>
/// <para>
/// A step of the wall clock ends no lease. It may be the only trace of a virtual machine that was paused, so every lease becomes Doubtful
/// and asks its backend at once, one that does not renew as well (for no more than what is left of it). Where by the wall clock the
/// lease would be over, only what can be asked within <see cref="LongestDoubt"/> is still believed.
/// </para>
/// </remarks>
[SuppressMessage("Design", "CA1001", Justification = "The token source has nothing to free: no wait handle, no timer.")]
internal sealed partial class Lease : Alarm, IReleasedLease
{
    /// <summary>So long a lease that is over by the wall clock waits for its backend's word.</summary>
    internal static readonly TimeSpan LongestDoubt = TimeSpan.FromSeconds(2);

    private readonly Lock _gate = new();
    private readonly StoreClient _store;
    private readonly LeaseRegister _register;
    private readonly LeaseReleases _releases;
    private readonly AcquireRequest _request;

    private LeaseStanding _standing;
    private FirstRelease _release;
    private LeaseRequests? _requests;
    private CancellationTokenSource? _lost;

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
        _standing = new LeaseStanding(term);
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
                return _standing.Ttl;
        }
    }

    /// <inheritdoc cref="LeaseStanding.Remaining"/>
    public TimeSpan Remaining
    {
        get
        {
            lock (_gate)
                return _standing.Remaining(Now);
        }
    }

    public LostReason? LostReason
    {
        get
        {
            LoseIfOver();
            lock (_gate)
                return _standing.LostReason;
        }
    }

    /// <inheritdoc/>
    public bool IsWithinValidity
    {
        get
        {
            lock (_gate)
                return _standing.IsWithinValidity(Now);
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
                    if (_standing.State == LeaseState.Lost)
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
            if (_standing.LostReason is { } reason)
                throw new LockLostException(Key, Id, reason);
            ObjectDisposedException.ThrowIf(_standing.State == LeaseState.Released, typeof(ILockHandle));
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
            ObjectDisposedException.ThrowIf(_standing.State == LeaseState.Released, typeof(ILockHandle));
            return _standing.State != LeaseState.Lost;
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
            if (!_standing.TryLose(reason))
                return false;
            lost = _lost;
        }

        // The flag is set before anything else, here and now; callbacks run on the pool, since user code may block.
        _ = lost?.CancelAsync();
        Stop();
        LossReport.Queue(this, _store.Type, _store.Logger, reason, _standing.HeldFor(), late, _store.Outage);
        return true;
    }

    /// <summary>Ends a lease that nobody has been given yet; no loss is reported.</summary>
    public void Withdraw()
    {
        lock (_gate)
        {
            if (!_standing.TryRelease())
                return;
        }

        Stop();
    }

    /// <summary>The handle was collected without having been disposed: no more renewals.</summary>
    public void Abandon()
    {
        lock (_gate)
        {
            if (!_standing.TryAbandon())
                return;
        }

        // Not here: this is the finalizer's thread, and a log is other people's code.
        ThreadPool.UnsafeQueueUserWorkItem(
            static lease => Log.Dropped(lease._store.Logger, lease.Key, lease.Id), this, preferLocal: false);
    }

    public Task<UnlockOutcome> UnlockAsync()
    {
        LoseIfOver();
        bool wasLive;
        lock (_gate)
        {
            if (!_release.IsFirst(out Task<UnlockOutcome>? released))
                return released;
            wasLive = _standing.TryRelease();
        }

        // A renewal in flight is stopped first; one that is applied after the release finds nothing to extend.
        Stop();
        if (wasLive && LockTelemetry.MeasuresHeld)
            LockTelemetry.Held(_store.Type, _standing.HeldFor());
        Task<UnlockOutcome> unlock = _releases.ReleaseAsync(this, wasLive, _standing.Options.ReleaseTimeout);
        TaskCompletionSource<Task<UnlockOutcome>>? others;
        lock (_gate)
            others = _release.Begun(unlock);
        others?.SetResult(unlock);
        return unlock;
    }

    internal override void Ring()
    {
        if (LoseIfOver())
            return;
        lock (_gate)
        {
            if (_standing.HasEnded)
                return;
            long now = Now;
            if (_standing.TryBeginRenewal(now))
                EngineThreads.Queue(RequestsUnsynchronized());
            SetAlarmUnsynchronized(now);
        }
    }

    /// <summary>The wall clock has gained or lost this much on the one that counts: it was set, or the machine stood still
    /// unseen.</summary>
    internal override void OnClockStep(TimeSpan gained)
    {
        lock (_gate)
        {
            long now = Now;
            if (_standing.TryDoubtAt(gained, LongestDoubt, now))
                SetAlarmUnsynchronized(now);
        }
    }

    /// <summary>Who holds it, in words; null when it is over.</summary>
    public string? Describe()
    {
        lock (_gate)
            return _standing.HasEnded ? null : HolderText.Of(Owner, Id, _standing.HeldFor());
    }

    /// <summary>Ends the lease when its validity is over, whatever the alarm is doing.</summary>
    /// <returns>True when the lease is lost.</returns>
    private bool LoseIfOver()
    {
        LostReason reason;
        TimeSpan late;
        lock (_gate)
        {
            if (!_standing.IsOver(_store.Clock, out reason, out late))
                return _standing.State == LeaseState.Lost;
        }

        Lose(reason, late);
        return true;
    }

    /// <summary>Sets the alarm for what comes next.</summary>
    /// <remarks>
    /// The look at the lease and the alarm are one step: otherwise a moment that was right before the lease was shortened, or before it
    /// ended, could be set after it, and the alarm ring too late. (The alarm clock's own gate is never held when a lease's is taken.)
    /// </remarks>
    private void SetAlarmUnsynchronized(long now)
    {
        long due = _standing.DueAt(_store.Clock, now);
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
