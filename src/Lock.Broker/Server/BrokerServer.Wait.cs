namespace Locking;

/// <summary>The time after a crash in which leases of the broker before may still live: nothing is granted, requests stand in line.</summary>
public sealed partial class BrokerServer
{
    private readonly Lock _waitGate = new();
    private readonly LinkedList<(BrokerClaim Claim, AcquireTerms Terms)> _heldBack = [];
    private readonly Dictionary<(string Key, string Id), LinkedListNode<(BrokerClaim Claim, AcquireTerms Terms)>> _heldBackById = [];
    private readonly HashSet<(string Key, string Id)> _strangers = [];
    private long _waitUntil;
    private volatile bool _isWaiting;

    internal bool IsWaiting => _isWaiting;

    private void BeginWait(TimeSpan wait)
    {
        if (wait <= TimeSpan.Zero)
            return;
        _waitUntil = TimeProvider.GetTimestamp() + (long)Math.Ceiling(wait.TotalSeconds * TimeProvider.TimestampFrequency);
        _isWaiting = true;
    }

    /// <summary>How long until every lease of the broker before has ended; zero when there is nothing to wait for.</summary>
    internal TimeSpan WaitLeft
    {
        get
        {
            if (!_isWaiting)
                return TimeSpan.Zero;
            var left = TimeProvider.GetElapsedTime(TimeProvider.GetTimestamp(), _waitUntil);
            return left > TimeSpan.Zero ? left : TimeSpan.Zero;
        }
    }

    /// <summary>Puts a request in line while the wait lasts; a holder that asks again is served.</summary>
    private bool TryHoldBack(BrokerClaim claim, AcquireTerms terms, ClientSession session, long number, out AcquireResult result)
    {
        result = default;
        if (!_isWaiting || Table.Find(claim.Key, claim.Id) is not null)
            return false;
        BrokerClaim? queued = null;
        lock (_waitGate)
        {
            if (!_isWaiting)
                return false;
            if (_heldBackById.TryGetValue((claim.Key, claim.Id), out var node))
            {
                queued = node.Value.Claim;
            }
            else if (RememberStrangerUnsynchronized(claim) && terms.Queue && _heldBack.Count < Options.Limits.WaitersPerKey)
            {
                claim.IsHeldBack = true;
                _heldBackById.Add((claim.Key, claim.Id), _heldBack.AddLast((claim, terms)));
            }
        }

        var subject = queued ?? claim;
        var status = queued is not null ? AcquireStatus.AlreadyQueued : claim.IsHeldBack ? AcquireStatus.Queued : AcquireStatus.Busy;
        if (status != AcquireStatus.Busy)
            subject.Attach(session, number);
        result = new AcquireResult(status, subject, WaitLeft, 1, 1);
        return true;
    }

    /// <summary>Whether a holder that is not here held nothing at the broker before either. During the wait that is known only of those who
    /// asked for the lock since: a client reclaims what it holds before it asks for anything.</summary>
    internal bool IsKnownFree(string key, string id)
    {
        if (!_isWaiting)
            return true;
        lock (_waitGate)
            return !_isWaiting || _strangers.Contains((key, id));
    }

    private BrokerClaim? FindHeldBack(string key, string id)
    {
        if (!_isWaiting)
            return null;
        lock (_waitGate)
            return _heldBackById.TryGetValue((key, id), out var node) ? node.Value.Claim : null;
    }

    private bool RememberStrangerUnsynchronized(BrokerClaim claim)
    {
        if (_strangers.Count < Options.Limits.WaitersPerKey)
            _strangers.Add((claim.Key, claim.Id));
        return true;
    }

    private void DropHeldBack(BrokerClaim claim)
    {
        lock (_waitGate)
        {
            if (!_heldBackById.Remove((claim.Key, claim.Id), out var node))
                return;
            _heldBack.Remove(node);
        }

        claim.Ended();
    }

    /// <summary>Hands the requests that stood in line to the table, in their order, once the wait is over.</summary>
    private void EndWaitWhenDue()
    {
        if (!_isWaiting || WaitLeft > TimeSpan.Zero)
            return;
        while (true)
        {
            BrokerClaim claim;
            AcquireStatus status;
            ClaimNotices notices;
            lock (_waitGate)
            {
                if (_heldBack.First is not { } first)
                {
                    // Under the gate: a request that comes now either stood in line before this, or goes to the table itself.
                    _isWaiting = false;
                    _strangers.Clear();
                    _strangers.TrimExcess();
                    break;
                }

                // The whole move is under the gate, so that a release by id finds the claim in the line or in the table.
                (claim, var terms) = first.Value;
                _heldBack.RemoveFirst();
                _heldBackById.Remove((claim.Key, claim.Id));
                claim.IsHeldBack = false;
                status = Table.Acquire(claim, Limited(terms), out notices).Status;
            }

            if (status == AcquireStatus.Granted)
                claim.OnGranted();
            notices.Deliver();
        }

        LogWaitOver();
    }
}
