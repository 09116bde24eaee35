namespace Locking;

/// <summary>Several keys taken together (<c>acquire-many</c>): all or none. While it waits it holds nothing but a place at one key.</summary>
/// <remarks>
/// It tries its keys in their order. Where one is taken it gives back what it has and stands in the queue of that key alone; granted there,
/// it tries the others again. It may be overtaken, and it never waits while it holds: no two can block each other.
/// </remarks>
internal sealed class CompositeLock
{
    private readonly Lock _gate = new();
    private readonly BrokerServer _server;
    private readonly ClientSession _session;
    private readonly TimeSpan _ttl;
    private readonly byte[] _uuid;
    private readonly List<BrokerClaim> _members = [];
    private BrokerClaim? _place;
    private bool _isBegun;
    private bool _isOver;

    public CompositeLock(BrokerServer server, ClientSession session, IReadOnlyList<string> keys, TimeSpan ttl, byte[] uuid)
    {
        _server = server;
        _session = session;
        _ttl = ttl;
        _uuid = uuid;
        Keys = keys;
    }

    /// <summary>One of the broker before, to which its members are given back: complete, without a session, and only to be released.</summary>
    public CompositeLock(BrokerServer server, string id)
        : this(server, null!, [], Timeout.InfiniteTimeSpan, [])
    {
        Id = id;
        _isBegun = true;
    }

    /// <summary>The id that releases it.</summary>
    public string Id { get; } = Guid.NewGuid().ToString();

    public IReadOnlyList<string> Keys { get; private set; }

    /// <summary>The request's id, as it was written.</summary>
    public ReadOnlySpan<byte> Uuid => _uuid;

    /// <summary>What it holds; complete once it is granted.</summary>
    public IReadOnlyList<BrokerClaim> Members => _members;

    /// <summary>Whether nothing of it holds or waits any more.</summary>
    public bool IsIdle
    {
        get
        {
            lock (_gate)
            {
                return _isBegun && _place is not ({ State: ClaimState.Waiting or ClaimState.Held } or { IsHeldBack: true })
                    && _members.TrueForAll(static member => member.State != ClaimState.Held);
            }
        }
    }

    /// <summary>Gives back a member that it had at the broker before.</summary>
    public void Restore(BrokerClaim member)
    {
        lock (_gate)
        {
            _members.Add(member);
            Keys = [.. Keys, member.Key];
        }
    }

    /// <summary>Takes all keys, or a place in the queue of the first one that is taken.</summary>
    /// <returns>The key that is taken, or null when all are held.</returns>
    public string? TryTake(bool wait, out int waiters)
    {
        lock (_gate)
        {
            var contended = TryTakeUnsynchronized(null, wait, out waiters);

            // Between a first try and the second, which takes a place, it is not idle.
            _isBegun = wait || contended is null;
            return contended;
        }
    }

    /// <summary>The place in the queue has become a grant.</summary>
    public void OnGranted(BrokerClaim first)
    {
        bool isComplete;
        lock (_gate)
        {
            if (_isOver)
            {
                _server.End(first);
                return;
            }

            isComplete = TryTakeUnsynchronized(first, wait: true, out _) is null;
        }

        if (!isComplete)
            return;
        if (_session.HasEnded)
            Release(); // nobody would: the session went over its claims before these were there
        else
            _session.TellManyGranted(this);
    }

    /// <summary>Gives everything back.</summary>
    public void Release()
    {
        BrokerClaim[] members;
        lock (_gate)
        {
            _isOver = true;
            members = _place is null ? [.. _members] : [.. _members, _place];
            _members.Clear();
        }

        foreach (var member in members)
            _server.End(member);
    }

    private string? TryTakeUnsynchronized(BrokerClaim? held, bool wait, out int waiters)
    {
        waiters = 0;
        _place = null;
        _members.Clear();
        foreach (var key in Keys)
        {
            if (held is not null && key == held.Key)
            {
                _members.Add(held);
                continue;
            }

            if (TryTakeOne(key))
                continue;
            foreach (var member in _members)
                _server.End(member);
            if (held is not null && !_members.Contains(held))
                _server.End(held);
            _members.Clear();
            waiters = _server.WaitersOf(key) + 1;
            if (wait)
                Queue(key);
            return key;
        }

        // Not one by one: the next broker finds all of them, or none.
        _server.Records.Update(_members);
        return null;
    }

    private bool TryTakeOne(string key)
    {
        var claim = NewClaim(key);
        var result = _server.Acquire(claim, default, _session, 0, out var notices);
        notices.Deliver();
        if (result.Status != AcquireStatus.Granted)
            return false;
        _members.Add(claim);
        return true;
    }

    /// <summary>Stands in the queue of one key. If it was free by now, the grant is handled like one from the queue.</summary>
    private void Queue(string key)
    {
        var claim = _place = NewClaim(key);
        var result = _server.Acquire(claim, new AcquireTerms { Queue = true }, _session, 0, out var notices);
        notices.Deliver();
        if (result.Status == AcquireStatus.Granted)
            ThreadPool.UnsafeQueueUserWorkItem(static claim => claim.Composite!.OnGranted(claim), claim, preferLocal: false);
    }

    private BrokerClaim NewClaim(string key) => new(_server, key, Id, "", _ttl) { Composite = this, ForeignKey = [] };
}
