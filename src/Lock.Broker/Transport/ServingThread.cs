using System.Collections.Concurrent;

namespace Locking;

/// <summary>The one thread that reads all connections of a broker and handles their lines, so that a hand-off meets no other
/// thread.</summary>
/// <remarks>
/// After something came it looks again for a moment before it sleeps, and lets others run in between: going to sleep and being woken costs
/// more than a hand-off. It stops looking when that was in vain too often.
/// </remarks>
internal sealed class ServingThread
{
    /// <summary>How long it looks before it sleeps.</summary>
    private static readonly TimeSpan s_lookFor = TimeSpan.FromMicroseconds(60);

    /// <summary>So long what nobody waits for may be kept back.</summary>
    private static readonly TimeSpan s_late = TimeSpan.FromMilliseconds(1);

    private const int MostWorth = 8;

    private readonly Lock _gate = new();
    private readonly Arrivals _arrivals;
    private readonly Dictionary<long, ServedConnection> _connections = [];
    private readonly ConcurrentQueue<ServedConnection> _goOn = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<long> _numbers = [];
    private readonly long _lateTicks = new ClockUnits(TimeProvider.System).Of(s_late);
    private readonly long _lookTicks = new ClockUnits(TimeProvider.System).Of(s_lookFor);
    private readonly bool _answersTogether;
    private long _lastNumber;
    private int _worth = MostWorth;
    private bool _isOver;
    private volatile bool _isStopping;

    /// <summary>Begins to serve.</summary>
    /// <param name="arrivals">How it hears of what comes.</param>
    /// <param name="answersTogether">Whether all that has come is handled before anything is answered: what the answers need is forced to
    /// the disk once for all of them.</param>
    public ServingThread(Arrivals arrivals, bool answersTogether = false)
    {
        _arrivals = arrivals;
        _answersTogether = answersTogether;
        if (Environment.ProcessorCount == 1)
            _lookTicks = 0;
        new Thread(Run) { IsBackground = true, Name = "Lock broker" }.UnsafeStart();
    }

    /// <summary>The system's own way of hearing what comes, where there is one.</summary>
    public static Arrivals SystemArrivals() => OperatingSystem.IsLinux() ? new EpollArrivals() : new RuntimeArrivals();

    /// <summary>Begins to serve a connection.</summary>
    public void Add(ServedConnection connection)
    {
        try
        {
            lock (_gate)
            {
                if (!_isOver)
                {
                    connection.Join(this, ++_lastNumber);
                    _connections.Add(connection.Number, connection);
                    if (_arrivals.TryAdd(connection.Number, connection.Handle))
                        return;
                }
            }
        }
        catch (Exception e)
        {
            Leave(connection);
            connection.Fail(e);
            return;
        }

        // Too late, or one too many for the system.
        Leave(connection);
        connection.Close();
    }

    /// <summary>The connection has ended.</summary>
    public void Leave(ServedConnection connection)
    {
        lock (_gate)
            _connections.Remove(connection.Number);
    }

    /// <summary>Reads nothing of a connection until then, and lets it go on then.</summary>
    public void PauseUntil(ServedConnection connection, Task then)
    {
        _arrivals.Pause(connection.Number, connection.Handle);
        if (then.IsCompleted)
            _goOn.Enqueue(connection);
        else
            _ = GoOnAsync(connection, then);
    }

    /// <summary>Reads of it again.</summary>
    public void Resume(ServedConnection connection) => _arrivals.Resume(connection.Number, connection.Handle);

    /// <summary>Ends every connection and the thread.</summary>
    public Task StopAsync()
    {
        _isStopping = true;
        _arrivals.Wake();
        return _ended.Task;
    }

    private async Task GoOnAsync(ServedConnection connection, Task then)
    {
        await then.ConfigureAwait(false);
        _goOn.Enqueue(connection);
        _arrivals.Wake();
    }

    private void Run()
    {
        ServeAll();
        ServedConnection[] left;
        lock (_gate)
        {
            _isOver = true;
            left = [.. _connections.Values];
            _connections.Clear();
        }

        foreach (ServedConnection connection in left)
            connection.Close();
        _arrivals.Dispose();
        _ended.TrySetResult();
    }

    private void ServeAll()
    {
        long lastCame = TimeProvider.System.GetTimestamp();
        long lateSince = lastCame;
        bool looks = false;
        while (!_isStopping)
        {
            // What nobody waits for leaves before this sleeps, and soon in any case.
            if (FlushScope.HasLate && (!looks || TimeProvider.System.GetTimestamp() - lateSince >= _lateTicks))
                FlushScope.FlushLate();
            if (!FlushScope.HasLate)
                lateSince = TimeProvider.System.GetTimestamp();
            _arrivals.Wait(_numbers, sleep: !looks && _goOn.IsEmpty);
            bool wentOn = GoOn();
            long now = TimeProvider.System.GetTimestamp();
            if (wentOn && _numbers.Count == 0)
                continue;
            if (_numbers.Count == 0)
            {
                looks = looks && now - lastCame < _lookTicks;
                if (looks)
                    Thread.Yield();
                continue;
            }

            // Worth it as long as most of what comes, comes soon after what came before; twice the time, since being woken takes some.
            _worth = now - lastCame < 2 * _lookTicks ? Math.Min(_worth + 1, MostWorth) : Math.Max(_worth - 1, 0);
            ServeArrived();
            lastCame = TimeProvider.System.GetTimestamp();
            looks = _worth > 0;
        }
    }

    private void ServeArrived()
    {
        if (_answersTogether)
            FlushScope.Open();
        foreach (long number in _numbers)
        {
            if (Find(number) is { } connection)
                connection.Serve();
        }

        if (_answersTogether)
            FlushScope.Close();
    }

    /// <summary>One turn for each that has more to say.</summary>
    private bool GoOn()
    {
        int left = _goOn.Count;
        bool any = left > 0;
        for (; left > 0 && _goOn.TryDequeue(out ServedConnection? connection); left--)
        {
            if (Find(connection.Number) is not null)
                connection.GoOn();
        }

        return any;
    }

    private ServedConnection? Find(long number)
    {
        lock (_gate)
            return _connections.GetValueOrDefault(number);
    }
}
