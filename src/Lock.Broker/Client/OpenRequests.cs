namespace Locking;

/// <summary>The requests of one connection that have no answer yet, and the sending of them.</summary>
internal sealed class OpenRequests : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Dictionary<long, PendingAnswer> _pending = [];
    private readonly LineWriter _writer = new();
    private readonly RequestSender _sender;
    private readonly TimeProvider _time;
    private readonly ITimer _watch;
    private volatile bool _hasEnded;
    private bool _isWatching;

    /// <summary>Creates an empty one.</summary>
    /// <param name="sender">Sends.</param>
    /// <param name="time">The clock.</param>
    /// <param name="watch">Called now and then while there are requests.</param>
    public OpenRequests(RequestSender sender, TimeProvider time, Action watch)
    {
        _sender = sender;
        _time = time;
        _watch = time.CreateTimer(static s => ((Action)s!)(), watch, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>How often it is looked for those that are late.</summary>
    public TimeSpan WatchPeriod { get; set; }

    /// <summary>Whether the connection has ended.</summary>
    public bool HasEnded => _hasEnded;

    /// <summary>Whether there are none.</summary>
    public bool IsEmpty
    {
        get
        {
            lock (_gate)
                return _pending.Count == 0;
        }
    }

    /// <summary>Sends a request. Answered by <see cref="AnswerKind.Lost"/> when the connection ends first, unless it waits in a queue:
    /// then the client asks again on the next connection.</summary>
    /// <param name="pending">The request.</param>
    /// <param name="compose">Composes its line.</param>
    /// <param name="state">For <paramref name="compose"/>.</param>
    public void Ask<T>(PendingAnswer pending, Action<LineWriter, long, T> compose, T state)
    {
        if (TryAdd(pending, compose, state))
            _sender.FlushSoon();
        else if (!pending.Waits)
            pending.TrySetResult(default);
    }

    /// <summary>Adds a request; its line leaves with the next flush.</summary>
    /// <returns>False when the connection has ended.</returns>
    public bool TryAdd<T>(PendingAnswer pending, Action<LineWriter, long, T> compose, T state)
    {
        lock (_gate)
        {
            if (_hasEnded)
                return false;
            pending.SentAt = _time.GetTimestamp();
            pending.IsQueued = false;
            _pending[pending.Number] = pending;
            compose(_writer.Clear(), pending.Number, state);
            _sender.Append(_writer);
            WatchUnsynchronized();
            return true;
        }
    }

    /// <summary>Adds a line that is not answered; it leaves with the next flush.</summary>
    public void Add<T>(Action<LineWriter, long, T> compose, long number, T state)
    {
        lock (_gate)
        {
            if (_hasEnded)
                return;
            compose(_writer.Clear(), number, state);
            _sender.Append(_writer);
        }
    }

    /// <summary>Sends a line that is not answered.</summary>
    public void Tell<T>(Action<LineWriter, long, T> compose, long number, T state)
    {
        Add(compose, number, state);
        _sender.Flush();
    }

    /// <summary>The request of that number has a place in the queue.</summary>
    public void OnQueued(long number)
    {
        lock (_gate)
        {
            if (!_pending.TryGetValue(number, out PendingAnswer? pending))
                return;
            pending.IsQueued = true;
            pending.Acquire?.Progress?.OnQueued();
        }
    }

    /// <summary>A part of the answer to the request of that number has come, and more will.</summary>
    public void OnItem(long number, LockInfo info)
    {
        lock (_gate)
        {
            if (!_pending.TryGetValue(number, out PendingAnswer? pending))
                return;
            pending.Items.Add(info);
            pending.SentAt = _time.GetTimestamp();
        }
    }

    /// <summary>Takes the request of that number, which is answered.</summary>
    public PendingAnswer? Take(long number)
    {
        lock (_gate)
            return _pending.Remove(number, out PendingAnswer? pending) ? pending : null;
    }

    /// <summary>Whether a request that does not wait in a queue is late.</summary>
    public bool IsLate(TimeSpan limit)
    {
        lock (_gate)
        {
            _isWatching = false;
            long now = _time.GetTimestamp();
            foreach (PendingAnswer one in _pending.Values)
            {
                if (!one.IsQueued && _time.GetElapsedTime(one.SentAt, now) >= limit)
                    return true;
            }

            WatchUnsynchronized();
            return false;
        }
    }

    /// <summary>The connection has ended.</summary>
    /// <returns>Those that have no answer.</returns>
    public List<PendingAnswer> End()
    {
        List<PendingAnswer> pending;
        lock (_gate)
        {
            _hasEnded = true;
            pending = [.. _pending.Values];
            _pending.Clear();
        }

        _watch.Dispose();
        return pending;
    }

    public void Dispose() => _watch.Dispose();

    private void WatchUnsynchronized()
    {
        if (_isWatching || _pending.Count == 0 || _hasEnded)
            return;
        _isWatching = true;
        _watch.Change(WatchPeriod, Timeout.InfiniteTimeSpan);
    }
}
