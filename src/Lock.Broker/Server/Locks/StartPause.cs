using Microsoft.Extensions.Logging;

namespace Locking;

/// <summary>The time after a start in which anything may be held that this broker does not know of: nothing is granted, requests stand in
/// line.</summary>
/// <remarks>Seldom: the record tells what is held, key by key. It is for what the record could not take, or lost, or never saw.</remarks>
internal sealed partial class StartPause(LockTable table, TimeProvider time, int mostInLine, ILogger logger)
{
    private readonly Lock _gate = new();
    private readonly LinkedList<(BrokerClaim Claim, AcquireTerms Terms)> _line = [];
    private readonly Dictionary<(string Key, string Id), LinkedListNode<(BrokerClaim Claim, AcquireTerms Terms)>> _byId = [];
    private readonly HashSet<(string Key, string Id)> _strangers = [];
    private long _until;
    private volatile bool _isOn;

    /// <summary>Whether it lasts.</summary>
    public bool IsOn => _isOn;

    /// <summary>How long it lasts still; zero when it is over.</summary>
    public TimeSpan Left
    {
        get
        {
            if (!_isOn)
                return TimeSpan.Zero;
            TimeSpan left = time.GetElapsedTime(time.GetTimestamp(), _until);
            return left > TimeSpan.Zero ? left : TimeSpan.Zero;
        }
    }

    /// <summary>Begins it.</summary>
    public void Begin(TimeSpan length)
    {
        if (length <= TimeSpan.Zero)
            return;
        _until = time.GetTimestamp() + new ClockUnits(time).Of(length);
        _isOn = true;
    }

    /// <summary>Puts a request in line while the pause lasts; a holder that asks again is served.</summary>
    public bool TryHoldBack(BrokerClaim claim, AcquireTerms terms, IClaimListener listener, long number, out AcquireResult result)
    {
        result = default;
        if (!_isOn || table.Find(claim.Key, claim.Id) is not null)
            return false;
        BrokerClaim? queued = null;
        lock (_gate)
        {
            if (!_isOn)
                return false;
            if (_byId.TryGetValue((claim.Key, claim.Id), out LinkedListNode<(BrokerClaim Claim, AcquireTerms Terms)>? node))
            {
                queued = node.Value.Claim;
            }
            else
            {
                if (_strangers.Count < mostInLine)
                    _strangers.Add((claim.Key, claim.Id));
                if (terms.Queue && _line.Count < mostInLine)
                {
                    // Its time in the queue begins here: what it waits now is no part of the lease that it is granted later.
                    claim.ArrivedAt = time.GetTimestamp();
                    claim.IsHeldBack = true;
                    _byId.Add((claim.Key, claim.Id), _line.AddLast((claim, terms)));
                }
            }
        }

        BrokerClaim subject = queued ?? claim;
        AcquireStatus status = queued is not null ? AcquireStatus.AlreadyQueued
            : claim.IsHeldBack ? AcquireStatus.Queued : AcquireStatus.Busy;
        if (status != AcquireStatus.Busy)
            subject.Attach(listener, number);
        result = new AcquireResult(status, subject, Left, 1, 1);
        return true;
    }

    /// <summary>Whether a holder that is not here held nothing at the broker before either. During the pause that is known only of those
    /// who asked for the lock since: a client reclaims what it holds before it asks for anything.</summary>
    public bool IsKnownFree(string key, string id)
    {
        if (!_isOn)
            return true;
        lock (_gate)
            return !_isOn || _strangers.Contains((key, id));
    }

    /// <summary>The request of that id that stands in line.</summary>
    public BrokerClaim? Find(string key, string id)
    {
        if (!_isOn)
            return null;
        lock (_gate)
            return _byId.TryGetValue((key, id), out LinkedListNode<(BrokerClaim Claim, AcquireTerms Terms)>? node)
                ? node.Value.Claim
                : null;
    }

    /// <summary>Takes a request out of the line.</summary>
    public void Drop(BrokerClaim claim)
    {
        lock (_gate)
        {
            if (!_byId.Remove((claim.Key, claim.Id), out LinkedListNode<(BrokerClaim Claim, AcquireTerms Terms)>? node))
                return;
            _line.Remove(node);
        }

        claim.Ended();
    }

    /// <summary>Hands the requests that stood in line to the table, in their order, once it is over.</summary>
    public void EndWhenDue()
    {
        if (!_isOn || Left > TimeSpan.Zero)
            return;
        while (true)
        {
            BrokerClaim claim;
            AcquireStatus status;
            ClaimNotices notices;
            lock (_gate)
            {
                if (_line.First is not { } first)
                {
                    // Under the gate: a request that comes now either stood in line before this, or goes to the table itself.
                    _isOn = false;
                    _strangers.Clear();
                    _strangers.TrimExcess();
                    break;
                }

                // The whole move is under the gate, so that a release by id finds the claim in the line or in the table.
                (claim, AcquireTerms terms) = first.Value;
                _line.RemoveFirst();
                _byId.Remove((claim.Key, claim.Id));
                claim.IsHeldBack = false;
                status = table.Acquire(claim, terms, out notices).Status;
            }

            if (status == AcquireStatus.Granted)
                claim.OnGranted();
            else if (status == AcquireStatus.Busy)
                claim.TellWithdrawn();
            notices.Deliver();
        }

        LogOver();
    }

    [LoggerMessage(8, LogLevel.Information, "What this broker did not know of has ended; locks are granted again.")]
    private partial void LogOver();
}
