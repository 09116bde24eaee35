namespace Locking;

/// <content>The ways in which it is lost, and who is told.</content>
internal sealed partial class MemoryLease
{
    /// <summary>Ends the lease as lost, on behalf of its <see cref="InMemoryLock"/> or of somebody who knows its id.</summary>
    /// <returns>The state that it was in.</returns>
    public ClaimState Drop(LostReason reason)
    {
        // The first one counts: a reason that was told does not change any more.
        Interlocked.CompareExchange(ref _dropReason, (byte)reason, 0);
        ClaimState was = Table.End(this, ClaimState.Dropped, Home.Now, out _, out ClaimNotices notices);
        notices.Deliver();
        if (was == ClaimState.Held && !HasLapsed)
            ReportLoss(reason, TimeSpan.Zero);
        return was;
    }

    /// <summary>Its <see cref="InMemoryLock"/> is disposed, but the lock stays until its deadline.</summary>
    public void Detach()
    {
        if (Table.WhileHeld(this, static (lease, now) => ((MemoryLease)lease).LapseUnsynchronized(now, Locking.LostReason.LockDisposed)))
            TellLapse(TimeSpan.Zero);
    }

    /// <summary>Ends the lease when its time is over: in the table, or, where the margin begins, for its holder alone.</summary>
    private void EndIfOver()
    {
        if (_options.LostMargin is not null
            && Table.WhileHeld(this, static (lease, now) => ((MemoryLease)lease).LapseUnsynchronized(now, null)))
        {
            TellLapse(Late());
        }

        Table.EndIfOver(this);
    }

    /// <summary>Makes it lost for its holder, once; the lock stays until its deadline.</summary>
    /// <param name="now">This moment.</param>
    /// <param name="reason">Why; null: because its time is over, if it is.</param>
    private bool LapseUnsynchronized(long now, LostReason? reason)
    {
        RenewUnsynchronized(Table.Clock, now);
        if (HasLapsed || (reason is null && LostAt > now))
            return false;
        reason ??= IsAtMaxHold ? Locking.LostReason.MaxHoldReached : Locking.LostReason.Expired;
        Volatile.Write(ref _lapsed, (byte)(reason + 1));
        return true;
    }

    private void TellLapse(TimeSpan late)
    {
        Volatile.Read(ref _watch)?.Signal();
        ReportLoss(KnownLostReason!.Value, late);
    }

    private void ReportLoss(LostReason reason, TimeSpan late)
    {
        if (Volatile.Read(ref _watch) is { } watch)
            Home.Alarms.Cancel(watch);
        LossReport.Queue(this, InMemoryLock.BackendType, Home.Logger, reason, HeldFor(), late);
    }

    private TimeSpan Late()
    {
        TimeSpan late = Home.Time.GetElapsedTime(LostAt);
        return late > TimeSpan.Zero ? late : TimeSpan.Zero;
    }
}
