namespace Locking;

/// <summary>The steps of the table, with what a broker adds: who hears of a claim, what stands on record, the pause at the start.</summary>
public sealed partial class BrokerServer
{
    private int _roomAtLeast;

    /// <summary>Published leases that ended otherwise than by their client.</summary>
    internal EndedIds EndedIds { get; } = new();

    /// <summary>Acquires for a session. The claim in the result belongs to that session, unless the answer is busy.</summary>
    internal AcquireResult Acquire(BrokerClaim claim, AcquireTerms terms, ClientSession session, long number, out ClaimNotices notices)
    {
        terms = Limited(terms);
        if (Pause.TryHoldBack(claim, terms, session, number, out var heldBack))
        {
            notices = default;
            return heldBack;
        }

        // Before the step, since the grant may come on another thread before the step has returned here.
        claim.Attach(session, number);
        var result = Table.Acquire(claim, terms, out notices);
        if (!ReferenceEquals(result.Claim, claim) || result.Status == AcquireStatus.Busy)
            claim.Ended();
        if (result.Status is AcquireStatus.AlreadyHeld or AcquireStatus.AlreadyQueued)
            Adopt((BrokerClaim)result.Claim, session, number);
        if (result.Status is AcquireStatus.Granted or AcquireStatus.AlreadyHeld && result.Claim is BrokerClaim { Composite: null } holder)
            Records.Update(holder);
        return result;
    }

    /// <summary>Puts a lease back that a broker before this one had granted, or gives one that lives here to the session that has come back.</summary>
    internal StoreReply Reclaim(BrokerClaim claim, long token, ClientSession session, long number)
    {
        if (Find(claim.Key, claim.Id) is { State: ClaimState.Held } living)
        {
            Adopt(living, session, number);
            living.Answered();
            return StoreReply.Done;
        }

        // The record tells what was held. Only while it may not know everything, a client is believed; later somebody else may have had the lock.
        if (!Pause.IsOn || token <= 0)
            return Table.Report(claim.Key).HolderIds.Count > 0 ? StoreReply.HeldByAnother : StoreReply.NotHeld;
        claim.Attach(session, number);
        if (Table.Reclaim(claim, token))
        {
            Records.Update(claim);
            return StoreReply.Done;
        }

        claim.Ended();
        return StoreReply.HeldByAnother;
    }

    /// <summary>Puts a lease back that is on record.</summary>
    /// <returns>The claim that holds its key again; null when newer ones hold it.</returns>
    internal BrokerClaim? Restore(RecordedLease lease, TimeSpan remaining)
    {
        var claim = new BrokerClaim(this, lease.Key, lease.Id, lease.Owner, remaining)
        {
            Keep = lease.Keep, ForeignKey = lease.ForeignKey, HasForeignId = lease.HasForeignId, WasMember = lease.IsMember, RecordedMax = lease.Max,
        };
        if (!Table.Reclaim(claim, lease.Token, lease.Max) || claim.State != ClaimState.Held)
            return null;
        if (lease.IsMember)
            _composites.GetOrAdd(lease.Id, static (id, server) => new CompositeLock(server, id), this).Restore(claim);
        return claim;
    }

    internal BrokerClaim? Find(string key, string id) => Pause.Find(key, id) ?? (BrokerClaim?)Table.Find(key, id);

    /// <summary>Cuts every connection but the newest ones, as a network that breaks would.</summary>
    internal void CutAll(int except = 0)
    {
        ClientSession[] sessions;
        lock (_gate)
            sessions = [.. _sessions];
        for (var i = 0; i < sessions.Length - except; i++)
            sessions[i].Cut();
    }

    /// <summary>Whether a new key would be one too many.</summary>
    /// <remarks>Counting the keys takes every gate of the table, so that it is done only when as many requests have come since the last
    /// count as there was room for then. Requests that arrive at the same moment may go a little beyond the limit.</remarks>
    internal bool IsFull(string key)
    {
        if (Interlocked.Decrement(ref _roomAtLeast) >= 0)
            return false;
        var room = Options.Limits.Keys - Table.KeyCount;
        Volatile.Write(ref _roomAtLeast, Math.Max(room, 1) - 1);
        if (room > 0)
            return false;
        var report = Table.Report(key);
        return report.HolderIds.Count == 0 && report.Waiters == 0;
    }

    /// <summary>How many keys are held or waited for.</summary>
    internal int KeyCount => Table.KeyCount;

    /// <summary>How many wait for a key.</summary>
    internal int WaitersOf(string key) => Table.Report(key).Waiters;

    internal StoreReply Extend(string key, string id, TimeSpan ttl)
    {
        var reply = Table.TryExtend(key, id, ttl);
        if (reply == StoreReply.Done && Table.Find(key, id) is BrokerClaim claim)
            Records.Update(claim);
        return reply;
    }

    internal StoreReply Release(string key, string id, out int waiters, out ClaimNotices notices)
    {
        waiters = 0;
        notices = default;
        if (Find(key, id) is not BrokerClaim claim)
            return Table.Report(key).HolderIds.Count > 0 ? StoreReply.HeldByAnother : StoreReply.NotHeld;
        if (claim.IsHeldBack)
        {
            Pause.Drop(claim);
            return StoreReply.Done;
        }

        var reply = Table.Release(key, id, out waiters, out notices);
        Records.Update(claim);
        if (claim.State == ClaimState.Withdrawn)
            claim.TellWithdrawn();
        claim.Ended();
        return reply;
    }

    /// <summary>Ends a claim, whether it holds or waits.</summary>
    internal void End(BrokerClaim claim)
    {
        if (claim.IsHeldBack)
        {
            Pause.Drop(claim);
        }
        else
        {
            Table.End(claim, out _, out var notices);
            Records.Update(claim);
            notices.Deliver();
        }

        claim.Ended();
    }

    /// <summary>Takes a claim out of the queue; one that holds stays.</summary>
    internal bool Withdraw(BrokerClaim claim)
    {
        if (claim.IsHeldBack)
            Pause.Drop(claim);
        else if (!Table.Withdraw(claim))
            return false;
        claim.Ended();
        return true;
    }

    /// <summary>Gives up the place of one request. Where the same id has asked again since, on this or another connection, the place
    /// belongs to that request and stays.</summary>
    /// <returns>True when this request does not wait any more; false when it was granted.</returns>
    internal bool TryWithdraw(string key, string id, ClientSession session, long number) =>
        Find(key, id) is not { } claim || !claim.IsOf(session, number) || Withdraw(claim) || claim.State != ClaimState.Held;

    internal int Force(string key, out ClaimNotices notices) => Table.Force(key, out notices);

    private static void Adopt(BrokerClaim claim, ClientSession session, long number)
    {
        claim.Attach(session, number);

        // It may have ended before it was given to this session, and then nobody would take it from the session again.
        if (claim.State is not (ClaimState.Held or ClaimState.Waiting) && !claim.IsHeldBack)
            claim.Ended();
    }

    private AcquireTerms Limited(AcquireTerms terms) => terms with
    {
        MaxWaiters = Options.Limits.WaitersPerKey,
    };
}
