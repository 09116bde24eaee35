namespace Locking.Torture;

/// <summary>A thread of a worker that looks, about once a millisecond, at the lost signal of every hold, and at how long it did not run
/// itself and the thread that announces losses did not.</summary>
public sealed class Watchdog : IDisposable
{
    /// <summary>What counts as a gap: its sleep of 1 ms, and this.</summary>
    private const long Gap = TimeSpan.TicksPerMillisecond / 2;

    private readonly Lock _gate = new();
    private readonly List<Watch> _watches = [];
    private readonly ManualResetEvent _end = new(initialState: false);
    private readonly HistoryLog _log;
    private readonly string[] _processes;
    private readonly Thread _thread;
    private readonly ThreadDelay _announcer = new("Lock alarm clock");
    private long _lastLook = HistoryLog.Now;

    /// <summary>Begins to look.</summary>
    /// <param name="log">Where it writes.</param>
    /// <param name="processes">Whose gaps it writes: the names that this process has in the history.</param>
    public Watchdog(HistoryLog log, params string[] processes)
    {
        _log = log;
        _processes = processes;
        _thread = new Thread(Run) { IsBackground = true, Name = "watchdog", Priority = ThreadPriority.AboveNormal };
        _thread.Start();
    }

    /// <summary>Looks after a hold from now on.</summary>
    public void Add(string process, string key, string attempt, ITortureHold hold)
    {
        lock (_gate)
            _watches.Add(new Watch(process, key, attempt, hold) { NotYet = HistoryLog.Now });
    }

    /// <summary>Looks a last time.</summary>
    /// <returns>Whether the loss was announced.</returns>
    public bool Remove(string attempt)
    {
        lock (_gate)
        {
            int place = _watches.FindIndex(watch => watch.Attempt == attempt);
            if (place < 0)
                return true;
            bool isLost = Look(_watches[place]);
            _watches.RemoveAt(place);
            return isLost;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _end.Set();
        _thread.Join();
        _end.Dispose();
    }

    private void Run()
    {
        while (!_end.WaitOne(1))
        {
            long now = HistoryLog.Now;
            if (now - _lastLook > TimeSpan.TicksPerMillisecond + Gap)
            {
                foreach (string process in _processes)
                    _log.Add(new HistoryEvent(now, process, EventKind.Gap, Number: _lastLook + TimeSpan.TicksPerMillisecond));
            }

            _lastLook = now;
            TellDelay(now);
            lock (_gate)
                _watches.RemoveAll(Look);
        }
    }

    /// <summary>The thread that announces losses may have been ready, and not run, while this one ran on another processor.</summary>
    private void TellDelay(long now)
    {
        long waited = _announcer.SinceLastLook();
        if (waited <= Gap)
            return;
        foreach (string process in _processes)
            _log.Add(new HistoryEvent(now, process, EventKind.Gap, Number: now - waited, Text: "of the announcing thread"));
    }

    private bool Look(Watch watch)
    {
        long before = HistoryLog.Now;
        if (!watch.Hold.IsLost)
        {
            watch.NotYet = before;
            return false;
        }

        _log.Add(new HistoryEvent(before, watch.Process, EventKind.Lost, watch.Key, watch.Attempt, watch.Hold.Token, watch.NotYet,
            watch.Hold.Reason));
        return true;
    }

    private sealed class Watch(string process, string key, string attempt, ITortureHold hold)
    {
        public string Process { get; } = process;

        public string Key { get; } = key;

        public string Attempt { get; } = attempt;

        public ITortureHold Hold { get; } = hold;

        /// <summary>When the signal was last seen not to be given.</summary>
        public long NotYet { get; set; }
    }
}
