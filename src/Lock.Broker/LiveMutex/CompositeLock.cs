namespace Locking;

/// <summary>Several keys taken together (<c>acquire-many</c>): all or none. While it waits it holds nothing but a place at one
/// key.</summary>
/// <remarks>
/// It tries its keys in their order. Where one is taken it gives back what it has and stands in the queue of that key alone; granted there,
/// it tries the others again. It may be overtaken, and it never waits while it holds: no two can block each other.
/// </remarks>
internal sealed class CompositeLock
{
    private readonly Lock _gate = new();
    private readonly PublishedState _state;
    private readonly BrokerLocks _locks;
    private readonly ClientSession? _session;
    private readonly TimeSpan _ttl;
    private readonly byte[] _uuid;
    private readonly List<MemberClaim> _members = [];
    private MemberClaim? _place;
    private bool _isBegun;
    private bool _isOver;

    public CompositeLock(PublishedState state, ClientSession session, IReadOnlyList<string> keys, TimeSpan ttl, byte[] uuid)
    {
        _state = state;
        _locks = state.Locks;
        _session = session;
        _ttl = ttl;
        _uuid = uuid;
        Keys = keys;
        Id = Guid.NewGuid().ToString();
    }

    /// <summary>One of the broker before, to which its members are given back: complete, without a session, and only to be
    /// released.</summary>
    public CompositeLock(PublishedState state, string id)
    {
        _state = state;
        _locks = state.Locks;
        _uuid = [];
        _isBegun = true;
        Id = id;
        Keys = [];
    }

    /// <summary>The id that releases it.</summary>
    public string Id { get; }

    /// <summary>What it is of.</summary>
    public IReadOnlyList<string> Keys { get; private set; }

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
    /// <returns>False when newer ones hold its key.</returns>
    public bool TryRestore(RecordedLease lease, TimeSpan remaining, out MemberClaim member)
    {
        member = new MemberClaim(_state, this, lease.Key, remaining);
        if (!_locks.Restore(member, lease))
            return false;
        lock (_gate)
        {
            _members.Add(member);
            Keys = [.. Keys, member.Key];
        }

        return true;
    }

    /// <summary>Tells the grant of all keys.</summary>
    public void TellGranted()
    {
        LineWriter line = LineWriter.Begin().Raw("{\"type\":\"acquire-many\",\"uuid\":"u8).Raw(_uuid);
        WriteKeys(line).Raw(",\"acquired\":true,\"lockUuid\":"u8).Text(Id).Raw(",\"fencingTokens\":{"u8);
        for (int i = 0; i < _members.Count; i++)
        {
            if (i > 0)
                line.Raw(","u8);
            line.Text(_members[i].Key).Raw(":"u8).Integer(_members[i].FencingToken);
        }

        _session!.Send(line.Raw("}}\n"u8));
    }

    /// <summary>Adds its keys to a line.</summary>
    public LineWriter WriteKeys(LineWriter line)
    {
        line.Raw(",\"keys\":["u8);
        for (int i = 0; i < Keys.Count; i++)
        {
            if (i > 0)
                line.Raw(","u8);
            line.Text(Keys[i]);
        }

        return line.Raw("]"u8);
    }

    /// <summary>Takes all keys, or a place in the queue of the first one that is taken.</summary>
    /// <returns>The key that is taken, or null when all are held.</returns>
    public string? TryTake(bool wait, out int waiters)
    {
        lock (_gate)
        {
            string? contended = TryTakeUnsynchronized(null, wait, out waiters);

            // Between a first try and the second, which takes a place, it is not idle.
            _isBegun = wait || contended is null;
            return contended;
        }
    }

    /// <summary>The place in the queue has become a grant.</summary>
    public void OnGranted(MemberClaim first)
    {
        bool isComplete;
        lock (_gate)
        {
            if (_isOver)
            {
                _locks.End(first);
                return;
            }

            isComplete = TryTakeUnsynchronized(first, wait: true, out _) is null;
        }

        if (!isComplete)
            return;
        if (_session!.HasEnded)
            Release(); // nobody would: the session went over its claims before these were there
        else
            TellGranted();
    }

    /// <summary>Gives everything back.</summary>
    public void Release()
    {
        MemberClaim[] members;
        lock (_gate)
        {
            _isOver = true;
            members = _place is null ? [.. _members] : [.. _members, _place];
            _members.Clear();
        }

        foreach (MemberClaim member in members)
            _locks.End(member);
    }

    private string? TryTakeUnsynchronized(MemberClaim? held, bool wait, out int waiters)
    {
        waiters = 0;
        _place = null;
        _members.Clear();
        foreach (string key in Keys)
        {
            if (held is not null && key == held.Key)
            {
                _members.Add(held);
                continue;
            }

            if (TryTakeOne(key))
                continue;
            foreach (MemberClaim member in _members)
                _locks.End(member);
            if (held is not null && !_members.Contains(held))
                _locks.End(held);
            _members.Clear();
            waiters = _locks.Table.Report(key).Waiters + 1;
            if (wait)
                Queue(key);
            return key;
        }

        // Not one by one: the next broker finds all of them, or none.
        _locks.Records.Update(_members);
        return null;
    }

    private bool TryTakeOne(string key)
    {
        MemberClaim claim = NewClaim(key);
        AcquireResult result = _locks.Acquire(claim, default, _session!, 0, out ClaimNotices notices);
        notices.Deliver();
        if (result.Status != AcquireStatus.Granted)
            return false;
        _members.Add(claim);
        return true;
    }

    /// <summary>Stands in the queue of one key. If it was free by now, the grant is handled like one from the queue.</summary>
    private void Queue(string key)
    {
        MemberClaim claim = _place = NewClaim(key);
        AcquireResult result = _locks.Acquire(claim, new AcquireTerms { Queue = true }, _session!, 0, out ClaimNotices notices);
        notices.Deliver();
        if (result.Status == AcquireStatus.Granted)
            ThreadPool.UnsafeQueueUserWorkItem(static claim => claim.GoOn(), claim, preferLocal: false);
    }

    private MemberClaim NewClaim(string key) => new(_state, this, key, _ttl);
}
