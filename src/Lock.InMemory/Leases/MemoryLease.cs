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
internal sealed class MemoryLease : Claim, IEndedLease, ISelfWait
{
    private readonly EffectiveOptions _options;
    private object? _handle; // MemoryHandle, GrantWait, WeakReference<MemoryHandle>, or null once the handle was dropped
    private string? _id;
    private LossWatch? _watch;
    private byte _outcome;
    private byte _dropReason;
    private volatile bool _detached;

    public MemoryLease(InMemoryLock locks, string key, EffectiveOptions options, out MemoryHandle handle)
        : base(key, options.Ttl)
    {
        Locks = locks;
        _options = options;
        handle = new MemoryHandle(this);
        _handle = handle;
    }

    public InMemoryLock Locks { get; }

    public override string Owner => _options.Owner;

    /// <summary>Made when somebody asks: most leases end before anybody does.</summary>
    public override string Id
    {
        get
        {
            if (Volatile.Read(ref _id) is { } id)
                return id;
            var made = HolderIds.New();
            return Interlocked.CompareExchange(ref _id, made, null) ?? made;
        }
    }

    public TimeSpan AcquireDelay => Table.Clock.ToSpan(GrantedAt - ArrivedAt);

    public int Attempts => _options.AttemptsWithin(AcquireDelay);

    /// <inheritdoc/>
    public TimeSpan Waited => Locks.Context.TimeProvider.GetElapsedTime(ArrivedAt);

    /// <inheritdoc/>
    public bool IsTold { get; set; }

    public bool IsReleased => State == ClaimState.Released;

    public bool KeepOnDisconnect => _options.KeepOnDisconnect;

    public TimeSpan Remaining
    {
        get
        {
            if (_detached)
                return TimeSpan.Zero;
            var left = IsRenewing ? Table.RenewedRemaining(this) : Table.Remaining(this);
            return left == Timeout.InfiniteTimeSpan ? TimeSpan.MaxValue : left;
        }
    }

    public LostReason? LostReason
    {
        get
        {
            // A lease that renews itself cannot run out while its handle asks.
            if (State == ClaimState.Held && !IsTimeless && Table.IsOver(Deadline))
                Table.EndIfOver(this);
            return KnownLostReason;
        }
    }

    public CancellationToken LostToken
    {
        get
        {
            var watch = Volatile.Read(ref _watch);
            if (watch is null)
            {
                var made = new LossWatch(this);
                watch = Interlocked.CompareExchange(ref _watch, made, null) ?? made;
            }

            // Through the gate: either whoever ends the lease has seen the watch and signals it, or its end is seen here.
            Table.EndIfOver(this);
            if (KnownLostReason is not null)
                watch.Signal();
            else
                SetAlarm(watch);
            return watch.Token;
        }
    }

    protected internal override string? KnownId => Volatile.Read(ref _id);

    protected internal override bool IsSweptWithoutExpiry => true;

    protected internal override bool MustAnnounceEnd => Volatile.Read(ref _watch) is { IsSignalled: false };

    public EffectiveOptions Options => _options;

    private LockTable Table => Locks.Table;

    /// <summary>Detached comes first: what becomes of the lease after that is nothing that its holder could lose.</summary>
    private LostReason? KnownLostReason => _detached ? Locking.LostReason.LockDisposed : State switch
    {
        ClaimState.Expired => IsAtMaxHold ? Locking.LostReason.MaxHoldReached : Locking.LostReason.Expired,
        ClaimState.Forced => Locking.LostReason.Forced,
        ClaimState.Dropped => (LostReason)_dropReason,
        _ => null,
    };

    private bool IsAtMaxHold => _options.MaxHold != Timeout.InfiniteTimeSpan && Deadline >= LatestDeadline(Table);

    private bool IsRenewing => _options.Renews && Volatile.Read(ref _handle) is not null;

    /// <summary>Whether the lease cannot run out while its handle is alive.</summary>
    private bool IsTimeless =>
        Deadline == Never || (_options.Renews && _options.MaxHold == Timeout.InfiniteTimeSpan && !_detached);

    /// <summary>Makes the wait for this lease, before it is queued.</summary>
    public GrantWait PrepareWait(MemoryHandle handle, TimeSpan limit, CancellationToken cancellationToken)
    {
        var wait = new GrantWait(this, handle, limit, cancellationToken);
        _handle = wait;
        return wait;
    }

    /// <summary>Granted after all without a wait.</summary>
    public void ForgetWait(MemoryHandle handle) => Volatile.Write(ref _handle, handle);

    /// <summary>Ends the wait for this lease, if it waits, because its <see cref="InMemoryLock"/> is disposed.</summary>
    public void EndWait() => (Volatile.Read(ref _handle) as GrantWait)?.OnDisposed();

    public void ThrowIfLost()
    {
        if (LostReason is { } reason)
            throw new LockLostException(Key, Id, reason);
        ObjectDisposedException.ThrowIf(IsReleased, typeof(ILockHandle));
    }

    public bool TryExtend(TimeSpan ttl)
    {
        if (_detached || !Table.TryExtend(this, ttl))
            return false;
        if (Volatile.Read(ref _watch) is { } watch)
            SetAlarm(watch);
        return true;
    }

    /// <summary>Who holds it, in words.</summary>
    public string Describe() => HolderText.Of(Owner, Id, HeldFor());

    /// <summary>Gives the lease back. Called by its handle, which is alive.</summary>
    public UnlockOutcome Unlock()
    {
        // With a waiter the clock must be read for the next lease; without one it need not be read at all.
        if (LockTable.SeemsAwaited(this))
            return UnlockContended(Locks.Now);
        var now = IsTimeless ? 0 : Locks.Now;
        if (!Table.TryReleaseAlone(this, now))
            return UnlockContended(now);
        AfterRelease();
        return UnlockOutcome.Released;
    }

    /// <summary>Gives the lease back on behalf of somebody who knows its id.</summary>
    public UnlockOutcome UnlockById() => UnlockContended(Locks.Now);

    /// <summary>Ends the lease as lost, on behalf of its <see cref="InMemoryLock"/> or of somebody who knows its id.</summary>
    /// <returns>The state that it was in.</returns>
    public ClaimState Drop(LostReason reason)
    {
        // The first one counts: a reason that was told does not change any more.
        Interlocked.CompareExchange(ref _dropReason, (byte)reason, 0);
        var was = Table.End(this, ClaimState.Dropped, Locks.Now, out _, out var notices);
        notices.Deliver();
        if (was == ClaimState.Held)
            ReportLoss(reason);
        return was;
    }

    /// <summary>Its <see cref="InMemoryLock"/> is disposed, but the lock stays until its deadline.</summary>
    public void Detach()
    {
        Table.RenewedRemaining(this);
        _detached = true;
        Volatile.Read(ref _watch)?.Signal();
        ReportLoss(Locking.LostReason.LockDisposed);
    }

    /// <summary>The alarm rings: on the alarm clock's thread.</summary>
    public void OnDeadline(LossWatch watch)
    {
        Table.EndIfOver(this);
        if (KnownLostReason is not null)
            watch.Signal();
        else
            SetAlarm(watch);
    }

    protected internal override long LatestDeadline(LockTable table) =>
        _options.MaxHold == Timeout.InfiniteTimeSpan ? Never : GrantedAt + table.Clock.ToUnits(_options.MaxHold);

    protected internal override void AnnounceEnd() => Volatile.Read(ref _watch)?.Signal();

    protected internal override void RenewUnsynchronized(LockTable table, long now)
    {
        if (!_options.Renews || Ttl == Timeout.InfiniteTimeSpan || _detached || !IsHandleAlive())
            return;
        var ttl = table.Clock.ToUnits(Ttl);
        if (Deadline - now <= ttl - (ttl / 3))
            Deadline = Math.Min(now + ttl, LatestDeadline(table));
    }

    protected internal override bool SweepUnsynchronized(LockTable table, long now)
    {
        RenewUnsynchronized(table, now);
        switch (_handle)
        {
            case MemoryHandle handle when now - GrantedAt >= table.YouthUnits:
                _handle = new WeakReference<MemoryHandle>(handle);
                return false;
            case WeakReference<MemoryHandle> reference when !reference.TryGetTarget(out _):
                Volatile.Write(ref _handle, null);
                return true;
            default:
                return false;
        }
    }

    protected internal override void OnSwept()
    {
        // Not here: this is the table's timer, and a log is other people's code.
        ThreadPool.UnsafeQueueUserWorkItem(
            static lease => Log.Dropped(lease.Locks.Logger, lease.Key, lease.Id), this, preferLocal: false);
        if (Volatile.Read(ref _watch) is { } watch)
            SetAlarm(watch); // it has a deadline now
    }

    protected internal override void OnGranted()
    {
        var wait = (GrantWait)_handle!;

        // The lease must not keep its handle alive through the wait and its result.
        Volatile.Write(ref _handle, wait.Handle);
        wait.OnGranted();
    }

    protected internal override void OnExpired()
    {
        if (!_detached)
            ReportLoss(KnownLostReason ?? Locking.LostReason.Expired);
    }

    protected internal override void OnForced()
    {
        if (!_detached)
            ReportLoss(Locking.LostReason.Forced);
    }

    private bool IsHandleAlive() => _handle switch
    {
        MemoryHandle or GrantWait => true,
        WeakReference<MemoryHandle> reference => reference.TryGetTarget(out _),
        _ => false,
    };

    private UnlockOutcome UnlockContended(long now)
    {
        if (Volatile.Read(ref _outcome) is var known and not 0)
            return (UnlockOutcome)(known - 1);
        var was = Table.End(this, ClaimState.Released, now, out _, out var notices);
        notices.Deliver();
        if (was == ClaimState.Held)
        {
            AfterRelease();
            return UnlockOutcome.Released;
        }

        if (was == ClaimState.Released || (was == ClaimState.Dropped && _dropReason == (byte)Locking.LostReason.LockDisposed))
            return UnlockOutcome.Released;
        var outcome = Table.IsHeld(Key) ? UnlockOutcome.HeldByAnother : UnlockOutcome.AlreadyExpired;
        var first = Interlocked.CompareExchange(ref _outcome, (byte)(outcome + 1), 0);
        return first == 0 ? outcome : (UnlockOutcome)(first - 1);
    }

    private void AfterRelease()
    {
        if (Volatile.Read(ref _watch) is { } watch)
            Locks.Alarms.Cancel(watch);
        if (LockTelemetry.MeasuresHeld)
            LockTelemetry.Held(InMemoryLock.BackendType, HeldFor());
        if (Locks.LogsDebug)
            Log.Released(Locks.Logger, Key, Id, UnlockOutcome.Released);
    }

    private void SetAlarm(LossWatch watch)
    {
        // The look at the lease and the alarm are one step: otherwise a moment from before an extension could be set after it.
        lock (watch.AlarmGate)
        {
            var due = IsRenewing ? LatestDeadline(Table) : Deadline;
            if (due == Never)
                Locks.Alarms.Cancel(watch);
            else
                Locks.Alarms.Set(watch, due);

            // The lease may have ended between the look at it and the alarm.
            if (State != ClaimState.Held)
                Locks.Alarms.Cancel(watch);
        }
    }

    private void ReportLoss(LostReason reason)
    {
        if (Volatile.Read(ref _watch) is { } watch)
            Locks.Alarms.Cancel(watch);
        LossReport.Queue(
            this, InMemoryLock.BackendType, Locks.Logger, reason, HeldFor(), State == ClaimState.Expired ? Late() : TimeSpan.Zero);
    }

    private TimeSpan Late()
    {
        var late = Locks.Context.TimeProvider.GetElapsedTime(Deadline);
        return late > TimeSpan.Zero ? late : TimeSpan.Zero;
    }

    private TimeSpan HeldFor() => Locks.Context.TimeProvider.GetElapsedTime(GrantedAt);
}
