using System.Globalization;
using Microsoft.Extensions.Logging;

namespace Locking;

/// <summary>One lease of an <see cref="InMemoryLock"/>, and its claim in the table.</summary>
/// <remarks>
/// <list type="table">
/// <listheader><term>State</term><description>Means → next</description></listheader>
/// <item><term>Held</term><description>in the table, deadline ahead (or renewed when somebody looks) → Lost, Released</description></item>
/// <item><term>Lost</term><description>Expired, Forced or Dropped in the table, or detached; the lost token has fired</description></item>
/// <item><term>Released</term><description>given back; the lost token never fires</description></item>
/// </list>
/// <para>
/// Renewal cannot fail in memory, so it is done when somebody looks: a lease that renews and whose handle is alive counts as renewed. The
/// lease refers to its handle while it is young; the table's sweep, every third of the ttl, makes that reference a weak one. So a
/// lease that lasts a moment costs nothing for it, and one whose handle was dropped is found out without a finalizer.
/// </para>
/// </remarks>
internal sealed partial class MemoryLease : Claim, IEndedLease, ISelfWait, IWatchedLease
{
    private readonly EffectiveOptions _options;
    private HandleReference<MemoryHandle, GrantWait> _handle;
    private string? _id;
    private LossWatch? _watch;
    private byte _outcome;
    private byte _dropReason;

    /// <summary>The reason why it is lost although the table keeps it until its deadline, plus one; 0 for none. The first one
    /// counts.</summary>
    private byte _lapsed;

    public MemoryLease(LeaseHome home, string key, EffectiveOptions options, out MemoryHandle handle)
        : base(key, options.Ttl)
    {
        Home = home;
        _options = options;
        handle = new MemoryHandle(this);
        _handle.Set(handle);
    }

    public LeaseHome Home { get; }

    public override string Owner => _options.Owner;

    /// <summary>Made when somebody asks: most leases end before anybody does.</summary>
    public override string Id => Volatile.Read(ref _id) ?? LazyInitializer.EnsureInitialized(ref _id, HolderIds.New)!;

    public TimeSpan AcquireDelay => Table.Clock.ToSpan(GrantedAt - ArrivedAt);

    public int Attempts => _options.AttemptsWithin(AcquireDelay);

    /// <inheritdoc/>
    public TimeSpan Waited => Home.Time.GetElapsedTime(ArrivedAt);

    /// <inheritdoc/>
    public bool IsTold { get; set; }

    public bool IsReleased => State == ClaimState.Released;

    public bool KeepOnDisconnect => _options.KeepOnDisconnect;

    public TimeSpan Remaining
    {
        get
        {
            if (HasLapsed)
                return TimeSpan.Zero;
            TimeSpan left = IsRenewing ? Table.RenewedRemaining(this) : Table.Remaining(this);
            if (left == Timeout.InfiniteTimeSpan)
                return TimeSpan.MaxValue;
            return _options.LostMargin is not { } margin ? left : left > margin ? left - margin : TimeSpan.Zero;
        }
    }

    public LostReason? LostReason
    {
        get
        {
            // A lease that renews itself cannot run out while its handle asks.
            if (State == ClaimState.Held && !IsTimeless && Table.IsOver(LostAt))
                EndIfOver();
            return KnownLostReason;
        }
    }

    public CancellationToken LostToken
    {
        get
        {
            LossWatch watch = Volatile.Read(ref _watch) ?? LazyInitializer.EnsureInitialized(ref _watch, () => new LossWatch(this))!;

            // Through the gate: either whoever ends the lease has seen the watch and signals it, or its end is seen here.
            OnDeadline();
            return watch.Token;
        }
    }

    protected internal override string? KnownId => Volatile.Read(ref _id);

    protected internal override bool IsSweptWithoutExpiry => true;

    protected internal override bool MustAnnounceEnd => Volatile.Read(ref _watch) is { IsSignalled: false };

    public EffectiveOptions Options => _options;

    private LockTable Table => Home.Table;

    private bool HasLapsed => Volatile.Read(ref _lapsed) != 0;

    /// <summary>That comes first: what becomes of the lease after that is nothing that its holder could lose.</summary>
    private LostReason? KnownLostReason => HasLapsed ? (LostReason)(_lapsed - 1) : State switch
    {
        ClaimState.Expired => IsAtMaxHold ? Locking.LostReason.MaxHoldReached : Locking.LostReason.Expired,
        ClaimState.Forced => Locking.LostReason.Forced,
        ClaimState.Dropped => (LostReason)_dropReason,
        _ => null,
    };

    private bool IsAtMaxHold => _options.MaxHold != Timeout.InfiniteTimeSpan && Deadline >= LatestDeadline(Table.Clock);

    /// <summary>When its loss is announced, as a timestamp: its deadline, or the margin before it.</summary>
    private long LostAt => BeforeMargin(Deadline);

    /// <inheritdoc/>
    public bool IsHeld => State == ClaimState.Held;

    /// <inheritdoc/>
    public long LatestLoss => BeforeMargin(IsRenewing ? LatestDeadline(Table.Clock) : Deadline);

    private bool IsRenewing => _options.Renews && !_handle.WasDropped;

    /// <summary>Whether the lease cannot run out while its handle is alive.</summary>
    private bool IsTimeless =>
        Deadline == Never || (_options.Renews && _options.MaxHold == Timeout.InfiniteTimeSpan && !HasLapsed);

    /// <summary>Makes the wait for this lease, before it is queued.</summary>
    public GrantWait PrepareWait(MemoryHandle handle, TimeSpan limit, CancellationToken cancellationToken)
    {
        var wait = new GrantWait(this, handle, limit, cancellationToken);
        _handle.Set(wait);
        return wait;
    }

    /// <summary>Granted after all without a wait.</summary>
    public void ForgetWait(MemoryHandle handle) => _handle.Set(handle);

    /// <summary>Ends the wait for this lease, if it waits, because its <see cref="InMemoryLock"/> is disposed.</summary>
    public void EndWait() => _handle.Wait?.OnDisposed();

    public void ThrowIfLost()
    {
        if (LostReason is { } reason)
            throw new LockLostException(Key, Id, reason);
        ObjectDisposedException.ThrowIf(IsReleased, typeof(ILockHandle));
    }

    public bool TryExtend(TimeSpan ttl)
    {
        if (_options.LostMargin >= ttl && ttl != Timeout.InfiniteTimeSpan)
        {
            throw new ArgumentOutOfRangeException(
                nameof(ttl), ttl, $"Must be above lostMargin, which is {_options.LostMargin.Value.TotalMilliseconds} ms.");
        }

        // It may lapse while it is extended: lost is final.
        if (LostReason is not null || !Table.TryExtend(this, ttl) || HasLapsed)
            return false;
        if (Volatile.Read(ref _watch) is { } watch)
            watch.SetAlarm(Home.Alarms);
        return true;
    }

    /// <summary>What a caller is told that waited in vain.</summary>
    public LockTimeoutException Busy(TimeSpan waited) => new(Key, waited, _options.AttemptsWithin(waited), Home.HolderOf(Key));

    /// <summary>Who holds it, in words.</summary>
    public string Describe() => HolderText.Of(Owner, Id, HeldFor());

    /// <summary>Gives the lease back. Called by its handle, which is alive.</summary>
    public UnlockOutcome Unlock()
    {
        if (_options.LostMargin is not null && !IsTimeless)
            EndIfOver();

        // With a waiter the clock must be read for the next lease; without one it need not be read at all.
        if (LockTable.SeemsAwaited(this))
            return UnlockContended(Home.Now);
        long now = IsTimeless ? 0 : Home.Now;
        if (!Table.TryReleaseAlone(this, now))
            return UnlockContended(now);
        AfterRelease();
        return UnlockOutcome.Released;
    }

    /// <summary>Gives the lease back on behalf of somebody who knows its id.</summary>
    public UnlockOutcome UnlockById() => UnlockContended(Home.Now);

    /// <inheritdoc/>
    public void OnDeadline()
    {
        LossWatch watch = Volatile.Read(ref _watch)!;
        EndIfOver();
        if (KnownLostReason is not null)
            watch.Signal();
        else
            watch.SetAlarm(Home.Alarms);
    }

    protected internal override long LatestDeadline(TableClock clock) =>
        _options.MaxHold == Timeout.InfiniteTimeSpan ? Never : GrantedAt + clock.ToUnits(_options.MaxHold);

    protected internal override void AnnounceEnd() => Volatile.Read(ref _watch)?.Signal();

    protected internal override void RenewUnsynchronized(TableClock clock, long now)
    {
        if (!_options.Renews || Ttl == Timeout.InfiniteTimeSpan || HasLapsed || !_handle.IsAlive)
            return;
        long ttl = clock.ToUnits(Ttl);
        long validity = BeforeMargin(ttl);
        if (BeforeMargin(Deadline) - now <= validity - (validity / 3))
            Deadline = Math.Min(now + ttl, LatestDeadline(clock));
    }

    protected internal override bool SweepUnsynchronized(TableClock clock, long now)
    {
        RenewUnsynchronized(clock, now);
        return _handle.Sweep(isYoung: now - GrantedAt < clock.YouthUnits);
    }

    protected internal override void OnSwept()
    {
        // Not here: this is the table's timer, and a log is other people's code.
        ThreadPool.UnsafeQueueUserWorkItem(
            static lease => Log.Dropped(lease.Home.Logger, lease.Key, lease.Id), this, preferLocal: false);
        if (Volatile.Read(ref _watch) is { } watch)
            watch.SetAlarm(Home.Alarms); // it has a deadline now
    }

    protected internal override void OnGranted()
    {
        GrantWait wait = _handle.Wait!;

        // The lease must not keep its handle alive through the wait and its result.
        _handle.Set(wait.Handle);
        wait.OnGranted();
    }

    protected internal override void OnExpired()
    {
        if (!HasLapsed)
            ReportLoss(KnownLostReason ?? Locking.LostReason.Expired, Late());
    }

    protected internal override void OnForced()
    {
        if (!HasLapsed)
            ReportLoss(Locking.LostReason.Forced, TimeSpan.Zero);
    }

    /// <summary>What the margin leaves of a timestamp, or of a span of the clock's units.</summary>
    private long BeforeMargin(long deadline) =>
        _options.LostMargin is { } margin && deadline != Never ? deadline - Table.Clock.ToUnits(margin) : deadline;

    private UnlockOutcome UnlockContended(long now)
    {
        if (Volatile.Read(ref _outcome) is var known and not 0)
            return (UnlockOutcome)(known - 1);
        ClaimState was = Table.End(this, ClaimState.Released, now, out _, out ClaimNotices notices);
        notices.Deliver();
        if (was == ClaimState.Held)
        {
            AfterRelease();
            return UnlockOutcome.Released;
        }

        if (was == ClaimState.Released || (was == ClaimState.Dropped && _dropReason == (byte)Locking.LostReason.LockDisposed))
            return UnlockOutcome.Released;
        UnlockOutcome outcome = Table.IsHeld(Key) ? UnlockOutcome.HeldByAnother : UnlockOutcome.AlreadyExpired;
        byte first = Interlocked.CompareExchange(ref _outcome, (byte)(outcome + 1), 0);
        return first == 0 ? outcome : (UnlockOutcome)(first - 1);
    }

    private void AfterRelease()
    {
        if (Volatile.Read(ref _watch) is { } watch)
            Home.Alarms.Cancel(watch);
        if (LockTelemetry.MeasuresHeld)
            LockTelemetry.Held(InMemoryLock.BackendType, HeldFor());
        if (Home.LogsDebug)
            Log.Released(Home.Logger, Key, Id, UnlockOutcome.Released);
    }

    private TimeSpan HeldFor() => Home.Time.GetElapsedTime(GrantedAt);
}
