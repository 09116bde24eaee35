namespace Locking;

/// <summary>A request that waits for a broadcast of its key.</summary>
internal sealed record ReaderWaiter(ClientSession Session, byte[] Key, byte[] Uuid);

/// <summary>Readers and writer flags of keys, as published clients keep them at the broker. Nothing is kept of a key without either.</summary>
internal sealed class ReaderCounts
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, State> _keys = [];
    private volatile bool _isUsed;

    /// <summary>How many readers a key has.</summary>
    public int Of(string key)
    {
        if (!_isUsed)
            return 0;
        lock (_gate)
            return _keys.TryGetValue(key, out var state) ? state.Readers : 0;
    }

    /// <summary>Counts a reader in or out; never below zero.</summary>
    /// <returns>How many there are now.</returns>
    public int Add(string key, int count, BrokerLimits limits)
    {
        lock (_gate)
        {
            // Nobody waits at a key that is not there, so that there is nothing to count down and nobody to tell.
            if ((count < 0 && !_keys.ContainsKey(key)) || !TryGetUnsynchronized(key, limits.Keys, out var state))
                return 0;
            state.Readers = Math.Max(0, state.Readers + count);
            state.MustTell |= count < 0 && state.Readers == 0;
            ForgetIdleUnsynchronized(key, state);
            return state.Readers;
        }
    }

    /// <summary>A reader or a writer asks to go on.</summary>
    /// <returns>What was so before; null when it must wait for a broadcast.</returns>
    public (bool HasWriter, int Readers)? Check(string key, bool isWriter, ReaderWaiter waiter, BrokerLimits limits)
    {
        lock (_gate)
        {
            if (!TryGetUnsynchronized(key, limits.Keys, out var state))
                return (false, 0);
            var before = (state.HasWriter, state.Readers);
            var waits = state.HasWriter || (isWriter && state.Readers > 1);
            if (isWriter)
                state.HasWriter = true;
            if (!waits)
            {
                if (!isWriter)
                    state.Readers++;
                return before;
            }

            if (state.Waiting.Count < limits.WaitersPerKey)
                state.Waiting.Push(waiter);
            return null;
        }
    }

    /// <summary>The writer is done.</summary>
    public int ClearWriter(string key)
    {
        lock (_gate)
        {
            if (!_keys.TryGetValue(key, out var state))
                return 0;
            state.HasWriter = false;
            state.MustTell = true;
            return state.Readers;
        }
    }

    /// <summary>Tells those who wait, the newest first, if there is something to tell.</summary>
    public void Broadcast(string key)
    {
        ReaderWaiter[] waiting;
        lock (_gate)
        {
            if (!_keys.TryGetValue(key, out var state) || !state.MustTell)
                return;
            state.MustTell = false;
            waiting = [.. state.Waiting];
            state.Waiting.Clear();
            ForgetIdleUnsynchronized(key, state);
        }

        foreach (var one in waiting)
            one.Session.TellBroadcast(one.Key, one.Uuid);
    }

    /// <summary>Those whose connection is gone must not pile up at a key whose writer never ends.</summary>
    public void DropEnded()
    {
        if (!_isUsed)
            return;
        lock (_gate)
        {
            foreach (var (key, state) in _keys)
            {
                if (!state.Waiting.Any(static one => one.Session.HasEnded))
                    continue;
                state.Waiting = new Stack<ReaderWaiter>(state.Waiting.Reverse().Where(static one => !one.Session.HasEnded));
                ForgetIdleUnsynchronized(key, state);
            }
        }
    }

    private bool TryGetUnsynchronized(string key, int limit, out State state)
    {
        _isUsed = true;
        if (_keys.TryGetValue(key, out state!))
            return true;
        if (_keys.Count >= limit)
            return false;
        _keys.Add(key, state = new State());
        return true;
    }

    private void ForgetIdleUnsynchronized(string key, State state)
    {
        if (state is { Readers: 0, HasWriter: false, MustTell: false, Waiting.Count: 0 })
            _keys.Remove(key);
    }

    private sealed class State
    {
        public int Readers { get; set; }

        public bool HasWriter { get; set; }

        public bool MustTell { get; set; }

        public Stack<ReaderWaiter> Waiting { get; set; } = [];
    }
}
