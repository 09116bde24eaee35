namespace Locking;

/// <summary>The steps of the table, with what a broker adds: who hears of a claim, what stands on record, the pause at the start.</summary>
internal sealed class BrokerLocks(LockTable table, RecordKeeper records, StartPause pause, BrokerLimits limits)
{
    /// <summary>What a client that cannot come back leaves behind without an end when its connection breaks stands for so long.</summary>
    public static readonly TimeSpan AfterBreak = TimeSpan.FromSeconds(30);

    private readonly KeyLimit _keyLimit = new(table, limits.Keys);

    /// <summary>The bare steps.</summary>
    public LockTable Table => table;

    /// <summary>What is on record for the next broker.</summary>
    public RecordKeeper Records => records;

    /// <summary>The time in which nothing is granted yet.</summary>
    public StartPause Pause => pause;

    /// <summary>Whether a new key would be one too many.</summary>
    public bool IsFull(string key) => _keyLimit.IsReached(key);

    /// <summary>Acquires for a listener. The claim in the result belongs to it, unless the answer is busy.</summary>
    public AcquireResult Acquire(BrokerClaim claim, AcquireTerms terms, IClaimListener listener, long number, out ClaimNotices notices)
    {
        terms = terms with { MaxWaiters = limits.WaitersPerKey };
        if (pause.TryHoldBack(claim, terms, listener, number, out AcquireResult heldBack))
        {
            notices = default;
            return heldBack;
        }

        // Before the step, since the grant may come on another thread before the step has returned here.
        claim.Attach(listener, number);
        AcquireResult result = table.Acquire(claim, terms, out notices);
        if (!ReferenceEquals(result.Claim, claim) || result.Status == AcquireStatus.Busy)
            claim.Ended();
        if (result.Status is AcquireStatus.AlreadyHeld or AcquireStatus.AlreadyQueued)
            Adopt((BrokerClaim)result.Claim, listener, number);

        // One of several keys is put on record with the others, once all are there; asked for again by itself it has a new end.
        var holder = (BrokerClaim)result.Claim;
        if (result.Status == AcquireStatus.AlreadyHeld || (result.Status == AcquireStatus.Granted && !holder.IsMember))
            records.Update(holder);
        return result;
    }

    /// <summary>Puts a lease back that a broker before this one had granted, or gives one that lives here to the listener that has come
    /// back.</summary>
    public StoreReply Reclaim(BrokerClaim claim, long token, IClaimListener listener, long number)
    {
        if (Find(claim.Key, claim.Id) is { State: ClaimState.Held } living)
        {
            Adopt(living, listener, number);
            living.Answered();
            return StoreReply.Done;
        }

        // The record tells what was held. Only while it may not know everything, a client is believed; later somebody else may have had the
        // lock.
        if (!pause.IsOn || token <= 0)
            return table.Report(claim.Key).HolderIds.Count > 0 ? StoreReply.HeldByAnother : StoreReply.NotHeld;
        claim.Attach(listener, number);
        if (table.Reclaim(claim, token))
        {
            records.Update(claim);
            return StoreReply.Done;
        }

        claim.Ended();
        return StoreReply.HeldByAnother;
    }

    /// <summary>Puts a lease back that is on record. Nobody hears of it.</summary>
    /// <returns>Whether it holds its key again; false when newer ones do.</returns>
    public bool Restore(BrokerClaim claim, RecordedLease lease)
    {
        claim.RecordedMax = lease.Max;
        return table.Reclaim(claim, lease.Token, lease.Max) && claim.State == ClaimState.Held;
    }

    /// <summary>The claim of that id that holds or waits.</summary>
    public BrokerClaim? Find(string key, string id) => pause.Find(key, id) ?? (BrokerClaim?)table.Find(key, id);

    /// <summary>Restarts the TTL of a lease that lives.</summary>
    public StoreReply Extend(string key, string id, TimeSpan ttl)
    {
        StoreReply reply = table.TryExtend(key, id, ttl);
        if (reply == StoreReply.Done && table.Find(key, id) is BrokerClaim claim)
            records.Update(claim);
        return reply;
    }

    /// <summary>Ends what that id holds or waits for.</summary>
    public StoreReply Release(string key, string id, out int waiters, out ClaimNotices notices)
    {
        waiters = 0;
        notices = default;
        if (Find(key, id) is not { } claim)
            return table.Report(key).HolderIds.Count > 0 ? StoreReply.HeldByAnother : StoreReply.NotHeld;
        if (claim.IsHeldBack)
        {
            pause.Drop(claim);
            return StoreReply.Done;
        }

        StoreReply reply = table.Release(key, id, out waiters, out notices);
        records.Update(claim);
        if (claim.State == ClaimState.Withdrawn)
            claim.TellWithdrawn();
        claim.Ended();
        return reply;
    }

    /// <summary>Ends a claim, whether it holds or waits.</summary>
    public void End(BrokerClaim claim)
    {
        if (claim.IsHeldBack)
        {
            pause.Drop(claim);
        }
        else
        {
            table.End(claim, out _, out ClaimNotices notices);
            records.Update(claim);
            notices.Deliver();
        }

        claim.Ended();
    }

    /// <summary>Nobody can come back for what the claim holds: it stands for a while, and then it ends.</summary>
    public void EndAfterBreak(BrokerClaim claim)
    {
        if (table.TryExtend(claim, AfterBreak))
            records.Update(claim);
    }

    /// <summary>Takes a claim out of the queue; one that holds stays.</summary>
    public bool Withdraw(BrokerClaim claim)
    {
        if (claim.IsHeldBack)
            pause.Drop(claim);
        else if (!table.Withdraw(claim))
            return false;
        claim.Ended();
        return true;
    }

    /// <summary>Gives up the place of one request. Where the same id has asked again since, on this or another connection, the place
    /// belongs to that request and stays.</summary>
    /// <returns>True when this request does not wait any more; false when it was granted.</returns>
    public bool TryWithdraw(string key, string id, IClaimListener listener, long number) =>
        Find(key, id) is not { } claim || !claim.IsOf(listener, number) || Withdraw(claim) || claim.State != ClaimState.Held;

    private static void Adopt(BrokerClaim claim, IClaimListener listener, long number)
    {
        claim.Attach(listener, number);

        // It may have ended before it was given to this listener, and then nobody would take it from there again.
        if (claim.State is not (ClaimState.Held or ClaimState.Waiting) && !claim.IsHeldBack)
            claim.Ended();
    }
}
