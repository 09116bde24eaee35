namespace Locking;

/// <summary>The steps of the table, with what a broker adds: who hears of a claim, the wait after a crash.</summary>
public sealed partial class BrokerServer
{
    private const int RememberedEnds = 10_000;

    private readonly Lock _endedGate = new();
    private readonly HashSet<(int Key, int Id)> _ended = [];
    private readonly Queue<(int Key, int Id)> _endedOrder = [];
    private int _roomAtLeast;

    /// <summary>Acquires for a session. The claim in the result belongs to that session, unless the answer is busy.</summary>
    internal AcquireResult Acquire(BrokerClaim claim, AcquireTerms terms, ClientSession session, long number, out ClaimNotices notices)
    {
        if (TryHoldBack(claim, terms, session, number, out var heldBack))
        {
            notices = default;
            return heldBack;
        }

        // Before the step, since the grant may come on another thread before the step has returned here.
        claim.Attach(session, number);
        var result = Table.Acquire(claim, Limited(terms), out notices);
        if (!ReferenceEquals(result.Claim, claim) || result.Status == AcquireStatus.Busy)
            claim.Ended();
        if (result.Status is AcquireStatus.AlreadyHeld or AcquireStatus.AlreadyQueued)
            Adopt((BrokerClaim)result.Claim, session, number);
        if (result.Status is AcquireStatus.Granted or AcquireStatus.AlreadyHeld)
            Record((BrokerClaim)result.Claim);
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

        // Once the wait is over, somebody else may have had the lock since: what is not there now has been lost.
        if (!IsWaiting || token <= 0)
            return Table.Report(claim.Key).HolderIds.Count > 0 ? StoreReply.HeldByAnother : StoreReply.NotHeld;
        Cover(claim.Ttl);
        claim.Attach(session, number);
        if (Table.Reclaim(claim, token))
        {
            Record(claim);
            return StoreReply.Done;
        }

        claim.Ended();
        return StoreReply.HeldByAnother;
    }

    internal BrokerClaim? Find(string key, string id) => FindHeldBack(key, id) ?? (BrokerClaim?)Table.Find(key, id);

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
        Cover(ttl);
        var reply = Table.TryExtend(key, id, ttl);
        if (reply == StoreReply.Done && (ttl == Timeout.InfiniteTimeSpan || HasPermanent) && Table.Find(key, id) is BrokerClaim claim)
            Record(claim);
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
            DropHeldBack(claim);
            return StoreReply.Done;
        }

        var reply = Table.Release(key, id, out waiters, out notices);
        RecordEnd(claim);
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
            DropHeldBack(claim);
        }
        else
        {
            Table.End(claim, out _, out var notices);
            RecordEnd(claim);
            notices.Deliver();
        }

        claim.Ended();
    }

    /// <summary>Takes a claim out of the queue; one that holds stays.</summary>
    internal bool Withdraw(BrokerClaim claim)
    {
        if (claim.IsHeldBack)
            DropHeldBack(claim);
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

    internal int Force(string key, out ClaimNotices notices)
    {
        List<Claim?> permanent = HasPermanent ? [.. Table.Report(key).HolderIds.Select(id => Table.Find(key, id))] : [];
        var count = Table.Force(key, out notices);
        foreach (var claim in permanent)
        {
            if (claim is BrokerClaim ended)
                RecordEnd(ended);
        }

        return count;
    }

    /// <summary>A published client whose lease ran out unlocks once more without hearing an error, as from the original.</summary>
    /// <remarks>Only hashes are kept, 64 bits of a function that is different in each process: what clients call their keys and ids must not decide
    /// how much the broker remembers.</remarks>
    internal void RememberEnded(BrokerClaim claim)
    {
        var ended = HashOf(claim.Key, claim.Id);
        lock (_endedGate)
        {
            if (!_ended.Add(ended))
                return;
            _endedOrder.Enqueue(ended);
            if (_endedOrder.Count > RememberedEnds)
                _ended.Remove(_endedOrder.Dequeue());
        }
    }

    internal bool ForgetEnded(string key, string id)
    {
        lock (_endedGate)
            return _ended.Remove(HashOf(key, id));
    }

    private static (int Key, int Id) HashOf(string key, string id) =>
        (key.GetHashCode(StringComparison.Ordinal), id.GetHashCode(StringComparison.Ordinal));

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
