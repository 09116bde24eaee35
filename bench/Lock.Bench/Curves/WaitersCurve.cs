using Locking.Bench.Broker;
using Locking.Bench.Redis;

namespace Locking.Bench.Curves;

/// <summary>How long a hand-off takes when ever more wait for one key, all in one process.</summary>
/// <remarks>One task more than there are waiters takes the lock, gives it back, and gets into line again at once. Counted is how often
/// another task has it than before: a task that takes it again before anybody else is handed nothing.</remarks>
internal static class WaitersCurve
{
    private static readonly int[] s_waiters = [1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000];

    public static async Task<Chart> MeasureAsync(TimeSpan window)
    {
        List<Series> all = [];
        await AddAsync("in memory", new MemoryLibrary());
        await AddAsync("SemaphoreSlim", new SemaphoreLibrary(), isPeer: true);
        await using (BrokerServers brokers = await BrokerServers.StartAsync())
        {
            await AddAsync("broker", BrokerLibrary.Connect(BrokerLibrary.Ours, brokers.Port));
            if (brokers.PublishedPort is { } port)
                all.Add(new Series(BrokerLibrary.LiveMutex, await PublishedAsync(port, window), IsPeer: true));
        }

        await using BenchRedis redis = await BenchRedis.StartAsync();
        foreach (string name in RedisLibrary.All.Reverse())
            await AddAsync(NameOf(name), await RedisLibrary.ConnectAsync(name, [redis.Port]), name != RedisLibrary.Ours);
        return new Chart("waiters", "One key: a hand-off, by how many wait", "tasks that wait for the key", "µs for a hand-off", all);

        async Task AddAsync(string name, ILockLibrary library, bool isPeer = false)
        {
            await using (library)
                all.Add(new Series(name, await PointsAsync(name, library, window), isPeer));
        }
    }

    internal static string NameOf(string library) => library switch
    {
        RedisLibrary.Ours => "redis",
        RedisLibrary.Raw => "redis, bare commands",
        _ => library,
    };

    private static async Task<List<Point>> PointsAsync(string name, ILockLibrary library, TimeSpan window)
    {
        List<Point> points = [];
        foreach (int waiters in s_waiters)
        {
            double each = await HandOffAsync(library, waiters, window);
            await Console.Error.WriteLineAsync($"{name}, {waiters} waiters: {each:0.##} µs");
            if (double.IsFinite(each))
                points.Add(new Point(waiters, each));
        }

        return points;
    }

    /// <summary>Microseconds for each change of the holder; infinite when there was none.</summary>
    private static async Task<double> HandOffAsync(ILockLibrary library, int waiters, TimeSpan window)
    {
        using CancellationTokenSource stop = new();
        Holder holder = new();
        Task[] tasks = [.. Enumerable.Range(0, waiters + 1).Select(
            number => Task.Run(() => TakeTurnsAsync(library, $"waiters/{waiters}", holder, number, stop.Token), CancellationToken.None))];
        // Until all stand in line, and the code is warm.
        await Task.Delay(window / 2, TimeProvider.System, CancellationToken.None);
        long before = holder.Changes;
        long start = TimeProvider.System.GetTimestamp();
        await Task.Delay(window, TimeProvider.System, CancellationToken.None);
        double took = TimeProvider.System.GetElapsedTime(start).TotalMicroseconds;
        long changes = holder.Changes - before;
        await stop.CancelAsync();
        await Task.WhenAll(tasks);
        return took / changes;
    }

    private static async Task TakeTurnsAsync(ILockLibrary library, string key, Holder holder, int number, CancellationToken stop)
    {
        try
        {
            while (!stop.IsCancellationRequested)
            {
                IAsyncDisposable held = await library.TakeAsync(key, stop);
                holder.Is(number);
                // The section gives its thread away, as real ones do.
                await Task.Yield();
                await held.DisposeAsync();
            }
        }
        catch (OperationCanceledException)
        {
            // It was not its turn any more.
        }
    }

    /// <summary>npm's client counts by itself: its line is first come, first served, so that every turn is another's.</summary>
    private static async Task<List<Point>> PublishedAsync(int port, TimeSpan window)
    {
        await using BenchChild client = BenchChild.OfNode("client", port);
        await client.ReadAsync();
        List<Point> points = [];
        foreach (int waiters in s_waiters)
        {
            double seconds = window.TotalSeconds;
            string answer = await client.AskAsync(FormattableString.Invariant($"timed {seconds} {waiters + 1} {seconds / 2}"));
            if (!double.TryParse(answer.Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture, out double turns))
                break;
            await Console.Error.WriteLineAsync($"live-mutex, {waiters} waiters: {window.TotalMicroseconds / turns:0.##} µs");
            if (turns > 0)
                points.Add(new Point(waiters, window.TotalMicroseconds / turns));
        }

        return points;
    }

    /// <summary>Who has the lock: written by who has it, and by nobody else meanwhile.</summary>
    private sealed class Holder
    {
        private int _last = -1;
        private long _changes;

        public long Changes => Interlocked.Read(ref _changes);

        public void Is(int number)
        {
            if (_last != number)
                Interlocked.Increment(ref _changes);
            _last = number;
        }
    }
}
