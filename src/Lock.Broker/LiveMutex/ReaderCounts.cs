namespace Locking;

/// <summary>Readers and writer flags of keys, as published clients keep them at the broker. Nothing is kept of a key without
/// either.</summary>
/// <remarks>What a client has counted goes with its connection: the original keeps the flag of a writer that is gone, and its readers wait
/// for ever.</remarks>
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
            return _keys.TryGetValue(key, out State? state) ? state.Readers : 0;
    }

    /// <summary>Counts a reader in or out; never below zero.</summary>
    /// <returns>How many there are now.</returns>
    public int Add(string key, int count, ClientSession session, BrokerLimits limits)
    {
        lock (_gate)
        {
            // Nobody waits at a key that is not there, so that there is nothing to count down and nobody to tell.
            if ((count < 0 && !_keys.ContainsKey(key)) || !TryGetUnsynchronized(key, limits.Keys, out State? state))
                return 0;
            if (count > 0)
                state.AddReader(session);
            else
                state.RemoveReader(session);
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
            if (!TryGetUnsynchronized(key, limits.Keys, out State? state))
                return (false, 0);
            (bool, int Readers) before = (state.Writer is not null, state.Readers);
            if (state.Writer is null && !(isWriter && state.Readers > 1))
            {
                state.GoOn(waiter);
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
            if (!_keys.TryGetValue(key, out State? state))
                return 0;
            state.Writer = null;
            state.MustTell = true;
            return state.Readers;
        }
    }

    /// <summary>Tells those who wait, the newest first, if there is something to tell. They count from then on.</summary>
    public void Broadcast(string key)
    {
        List<ReaderWaiter> waiting = [];
        lock (_gate)
        {
            if (!_keys.TryGetValue(key, out State? state) || !state.MustTell)
                return;
            state.MustTell = false;
            foreach (ReaderWaiter one in state.Waiting)
            {
                if (one.Session.HasEnded)
                    continue;
                state.GoOn(one);
                waiting.Add(one);
            }

            state.Waiting.Clear();
            ForgetIdleUnsynchronized(key, state);
        }

        foreach (ReaderWaiter one in waiting)
            one.Tell();
    }

    /// <summary>Forgets what a client has counted whose connection is gone, and tells those who waited for it.</summary>
    public void Forget(ClientSession session)
    {
        if (!_isUsed)
            return;
        List<string> told = [];
        lock (_gate)
        {
            foreach ((string? key, State? state) in _keys)
            {
                if (state.Forget(session))
                    told.Add(key);
                ForgetIdleUnsynchronized(key, state);
            }
        }

        foreach (string key in told)
            Broadcast(key);
    }

    /// <summary>Those whose connection is gone must not pile up at a key whose writer never ends.</summary>
    public void DropEnded()
    {
        if (!_isUsed)
            return;
        lock (_gate)
        {
            foreach ((string? key, State? state) in _keys)
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
        if (state is { Readers: 0, Writer: null, MustTell: false, Waiting.Count: 0 })
            _keys.Remove(key);
    }

    private sealed class State
    {
        private readonly Dictionary<ClientSession, int> _readers = [];

        public int Readers { get; private set; }

        /// <summary>Whose flag stands.</summary>
        public ClientSession? Writer { get; set; }

        public bool MustTell { get; set; }

        public Stack<ReaderWaiter> Waiting { get; set; } = [];

        public void GoOn(ReaderWaiter waiter)
        {
            if (waiter.IsWriter)
                Writer = waiter.Session;
            else
                AddReader(waiter.Session);
        }

        public void AddReader(ClientSession session)
        {
            _readers[session] = _readers.GetValueOrDefault(session) + 1;
            Readers++;
        }

        /// <summary>Its own; or, of a client that came back over another connection, one of a connection that is gone; or anybody's, as in
        /// the original.</summary>
        public void RemoveReader(ClientSession session)
        {
            if (Readers == 0)
                return;
            ClientSession whose = _readers.ContainsKey(session) ? session
                : _readers.Keys.FirstOrDefault(static other => other.HasEnded) ?? _readers.Keys.First();
            Readers--;
            if (--_readers[whose] == 0)
                _readers.Remove(whose);
        }

        /// <summary>Takes away what that connection counted.</summary>
        /// <returns>Whether others may go on now.</returns>
        public bool Forget(ClientSession session)
        {
            bool wasWriter = Writer == session;
            if (wasWriter)
                Writer = null;
            if (_readers.Remove(session, out int count))
                Readers -= count;
            bool isToTell = wasWriter || (count > 0 && Readers == 0);
            MustTell |= isToTell;
            return isToTell;
        }
    }
}
