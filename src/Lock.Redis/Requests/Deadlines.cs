namespace Locking;

/// <summary>The time limits of all requests under way: one timer for all of them.</summary>
/// <remarks>The limits are equal, so that the requests stand in the order in which they end. A timer that finds only younger requests
/// than the one it was set for is set again: the many that are answered in time cost a place in a list, and no timer.</remarks>
internal sealed class Deadlines
{
    private readonly Lock _gate = new();
    private readonly TimeProvider _time;
    private readonly ITimer _timer;
    private readonly TimeSpan _limit;
    private readonly long _limitTicks;
    private Request? _first;
    private Request? _last;
    private bool _isSet;

    public Deadlines(TimeSpan limit, TimeProvider time)
    {
        _limit = limit;
        _limitTicks = (long)(limit.TotalSeconds * time.TimestampFrequency);
        _time = time;
        _timer = DetachedFlow.Start(() =>
            time.CreateTimer(static deadlines => ((Deadlines)deadlines!).OnTimer(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan));
    }

    /// <summary>The limit of a request begins.</summary>
    public void Add(Request request)
    {
        bool sets;
        lock (_gate)
        {
            request.Due = _time.GetTimestamp() + _limitTicks;
            request.Before = _last;
            if (_last is null)
                _first = request;
            else
                _last.After = request;
            _last = request;
            request.IsTimed = true;
            sets = !_isSet;
            _isSet = true;
        }

        if (sets)
            _timer.Change(_limit, Timeout.InfiniteTimeSpan);
    }

    /// <summary>The request is over.</summary>
    public void Remove(Request request)
    {
        lock (_gate)
            RemoveUnsynchronized(request);
    }

    private void RemoveUnsynchronized(Request request)
    {
        if (!request.IsTimed)
            return;
        request.IsTimed = false;
        if (request.Before is null)
            _first = request.After;
        else
            request.Before.After = request.After;
        if (request.After is null)
            _last = request.Before;
        else
            request.After.Before = request.Before;
        request.Before = request.After = null;
    }

    private void OnTimer()
    {
        var over = new List<Request>();
        TimeSpan? next = null;
        lock (_gate)
        {
            var now = _time.GetTimestamp();
            while (_first is { } first)
            {
                if (first.Due > now)
                {
                    // At least 1 ms, and rounded up: a timer drops what is less, and would ring too early.
                    next = TimeSpan.FromMilliseconds(Math.Ceiling(Math.Max(1, _time.GetElapsedTime(now, first.Due).TotalMilliseconds)));
                    break;
                }

                RemoveUnsynchronized(first);
                over.Add(first);
            }

            _isSet = next is not null;
        }

        if (next is { } left)
            _timer.Change(left, Timeout.InfiniteTimeSpan);
        foreach (var request in over)
            request.Expire();
    }
}
