namespace Locking.Torture;

/// <summary>Some workers of this process, each with a client of its own, for a time: the torture in small.</summary>
/// <param name="Seed">The seed of everything random.</param>
/// <param name="Time">How long the storm lasts; the calm after it is as long as it must be.</param>
public sealed record Arena(int Seed, TimeSpan Time)
{
    /// <summary>How many workers there are.</summary>
    public int Workers { get; init; } = 3;

    /// <summary>How many tasks each of them has.</summary>
    public int Tasks { get; init; } = 3;

    /// <summary>How many keys there are.</summary>
    public int Keys { get; init; } = 2;

    /// <summary>The lease.</summary>
    public TimeSpan Ttl { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>How late a lost signal may be.</summary>
    public TimeSpan Margin { get; init; } = TimeSpan.FromMilliseconds(60);

    /// <summary>How long after the storm everybody must have been served.</summary>
    public TimeSpan Bound { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>Whether the network is rough.</summary>
    public bool IsRough { get; init; } = true;

    /// <summary>One request or answer in so many is lost.</summary>
    public int LossOneIn { get; init; } = 20;

    /// <summary>One request or answer in so many is slow.</summary>
    public int SlowOneIn { get; init; } = 10;

    /// <summary>What holders mostly do.</summary>
    public Habit Habit { get; init; }

    /// <summary>Runs it.</summary>
    /// <param name="name">What the history calls it.</param>
    /// <param name="makeClient">Makes the client of a worker (from 0) of its store, which is behind the network.</param>
    /// <param name="makeStore">Makes the store of a worker.</param>
    public async Task<History> RunAsync(string name, Func<int, ILockStore, ITortureClient> makeClient, Func<int, ILockStore> makeStore)
    {
        ArgumentNullException.ThrowIfNull(makeClient);
        ArgumentNullException.ThrowIfNull(makeStore);
        using var log = new MemoryLog();
        TimeSpan settle = Ttl * 2;
        log.Add(new HistoryEvent(HistoryLog.Now, "arena", EventKind.Promised,
            Text: new Promise(name, Seed, Ttl.Ticks, Margin.Ticks, Bound.Ticks, settle.Ticks, 0).ToString()));
        var resource = new FencedResource(log);
        using var watchdog = new Watchdog(log, [.. Enumerable.Range(0, Workers).Select(static i => $"w{i}")]);
        List<(Worker Worker, ITortureClient Client, RoughNetwork? Network)> all = [];
        for (int i = 0; i < Workers; i++)
        {
            var options = new WorkerOptions($"w{i}", Seed + i, Keys, Tasks, Ttl) { Rest = TimeSpan.FromMilliseconds(5), Habit = Habit };
            RoughNetwork? network = IsRough ? new RoughNetwork(makeStore(i), Seed + i, Ttl * 0.9, LossOneIn, SlowOneIn) : null;
            ITortureClient client = makeClient(i, network ?? makeStore(i));
            all.Add((new Worker(options, client, log, resource, watchdog), client, network));
        }

        List<Task> running = all.ConvertAll(static one => one.Worker.RunAsync());
        await Task.Delay(Time, TimeProvider.System);
        foreach ((Worker Worker, ITortureClient Client, RoughNetwork? Network) one in all)
        {
            one.Network?.Calm();
            one.Worker.Calm();
        }

        log.Add(new HistoryEvent(HistoryLog.Now, "arena", EventKind.Healed));
        await ServedAsync(all.ConvertAll(static one => one.Worker));
        log.Add(new HistoryEvent(HistoryLog.Now, "arena", EventKind.Quiet));
        foreach ((Worker Worker, ITortureClient Client, RoughNetwork? Network) one in all)
            one.Worker.Stop();
        await Task.WhenAll(running);
        foreach ((Worker Worker, ITortureClient Client, RoughNetwork? Network) one in all)
            await one.Client.DisposeAsync();

        return new History(log.Events());
    }

    /// <summary>Until each worker has had all its calm turns, or the bound has passed.</summary>
    private async Task ServedAsync(List<Worker> workers)
    {
        long limit = HistoryLog.Now + (Bound * 1.1).Ticks;
        while (HistoryLog.Now < limit && workers.Exists(worker => worker.CalmTurns < Keys * Tasks))
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System);
    }
}
