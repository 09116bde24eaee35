namespace Locking;

/// <summary>Measures whatever backend is configured, through the same calls that everybody uses.</summary>
internal sealed class Bench
{
    private static readonly LockOptions s_options = new()
    {
        Ttl = TimeSpan.FromSeconds(30), AutoRenew = false, WaitTimeout = TimeSpan.FromSeconds(30), RetryCount = -1,
    };

    // A quarter of each part's time is for compilers, connections and caches, and is not counted.
    private const double WarmUp = 0.25;

    private readonly Func<ILock> _open;
    private readonly BenchPlan _plan;
    private readonly TimeProvider _time;
    private readonly string _prefix = $"lock-bench:{Guid.NewGuid():N}:";

    /// <summary>Prepares a benchmark.</summary>
    /// <param name="open">Makes a client.</param>
    /// <param name="plan">What to do.</param>
    /// <param name="time">The clock.</param>
    public Bench(Func<ILock> open, BenchPlan plan, TimeProvider time)
    {
        _open = open;
        _plan = plan;
        _time = time;
    }

    private TimeSpan PartDuration => _plan.Duration / 3;

    /// <summary>Does all parts, one after the other.</summary>
    /// <param name="begins">Called with each part's name when it begins.</param>
    /// <param name="stopping">Ends it early; all locks are given back.</param>
    /// <exception cref="LockStoreException">The backend is not reachable, or fails.</exception>
    public async Task<List<BenchPart>> RunAsync(Action<string> begins, CancellationToken stopping)
    {
        var parts = new List<BenchPart>();
        begins("one key");
        parts.Add(await WithClientsAsync(1, clients => UncontendedAsync("uncontended", clients[0], 1, 1, stopping)).ConfigureAwait(false));
        begins("many keys");
        parts.Add(await WithClientsAsync(
            1, clients => UncontendedAsync("manyKeys", clients[0], _plan.Tasks, _plan.Keys, stopping)).ConfigureAwait(false));
        begins("hand-off");
        parts.Add(await WithClientsAsync(_plan.Clients, clients => ContendedAsync(clients, stopping)).ConfigureAwait(false));
        return parts;
    }

    private async Task<BenchPart> WithClientsAsync(int count, Func<ILock[], Task<BenchPart>> part)
    {
        var clients = new ILock[count];
        for (int i = 0; i < count; i++)
            clients[i] = _open();
        try
        {
            return await part(clients).ConfigureAwait(false);
        }
        finally
        {
            foreach (ILock client in clients)
                await client.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Tasks that lock and unlock keys of their own: each at least once, however slow the backend is.</summary>
    private async Task<BenchPart> UncontendedAsync(string name, ILock locks, int tasks, int keys, CancellationToken stopping)
    {
        var run = new PartRun(_time, PartDuration, WarmUp);
        var workers = new List<Task<Worker>>();
        for (int i = 0; i < tasks; i++)
        {
            var own = new List<string>();
            for (int key = i; key < Math.Max(keys, tasks); key += tasks)
                own.Add($"{_prefix}{name}:{key}");
            workers.Add(Task.Run(() => CycleAsync(locks, own, run, stopping), CancellationToken.None));
        }

        return Sum(name, run, await Task.WhenAll(workers).ConfigureAwait(false));
    }

    private async Task<Worker> CycleAsync(ILock locks, List<string> keys, PartRun run, CancellationToken stopping)
    {
        var worker = new Worker();
        for (int i = 0; !run.IsOver || worker.Latencies.Count == 0; i++)
        {
            bool counts = run.Counts;
            long began = _time.GetTimestamp();
            ILockHandle handle = await locks.LockAsync(keys[i % keys.Count], s_options, stopping).ConfigureAwait(false);
            UnlockOutcome outcome = await handle.UnlockAsync().ConfigureAwait(false);
            worker.Lost += outcome == UnlockOutcome.Released ? 0 : 1;
            if (counts)
                worker.Latencies.Add(_time.GetElapsedTime(began));
        }

        return worker;
    }

    /// <summary>Clients that hand one key from one to the next as fast as they can, each at least once, and watch that no two have
    /// it.</summary>
    private async Task<BenchPart> ContendedAsync(ILock[] clients, CancellationToken stopping)
    {
        var run = new PartRun(_time, PartDuration, WarmUp);
        string key = $"{_prefix}handOff";
        var section = new Section();
        var workers = new List<Task<Worker>>();
        foreach (ILock client in clients)
            workers.Add(Task.Run(() => HandOffAsync(client, key, section, run, stopping), CancellationToken.None));
        Worker[] results = await Task.WhenAll(workers).ConfigureAwait(false);
        BenchPart part = Sum("handOff", run, results);
        part.Shares = Array.ConvertAll(results, static worker => worker.Latencies.Count);
        part.Overlaps = section.Overlaps;
        return part;
    }

    private async Task<Worker> HandOffAsync(ILock locks, string key, Section section, PartRun run, CancellationToken stopping)
    {
        var worker = new Worker();
        while (!run.IsOver || worker.Latencies.Count == 0)
        {
            bool counts = run.Counts;
            long began = _time.GetTimestamp();
            ILockHandle handle = await locks.LockAsync(key, s_options, stopping).ConfigureAwait(false);
            if (counts)
                worker.Latencies.Add(_time.GetElapsedTime(began));
            section.Enter(handle.FencingToken);
            section.Leave();
            worker.Lost += await handle.UnlockAsync().ConfigureAwait(false) == UnlockOutcome.Released ? 0 : 1;
        }

        return worker;
    }

    private static BenchPart Sum(string name, PartRun run, Worker[] workers)
    {
        var part = new BenchPart(name) { Elapsed = run.Measured };
        foreach (Worker worker in workers)
        {
            part.Latencies.Add(worker.Latencies);
            part.Lost += worker.Lost;
        }

        return part;
    }

    private sealed class Worker
    {
        public Latencies Latencies { get; } = new();

        public int Lost { get; set; }
    }

    /// <summary>The time of one part.</summary>
    private sealed class PartRun(TimeProvider time, TimeSpan duration, double warmUp)
    {
        private readonly long _began = time.GetTimestamp();

        public bool IsOver => time.GetElapsedTime(_began) >= duration;

        public bool Counts => time.GetElapsedTime(_began) >= duration * warmUp;

        /// <summary>How long was counted, until now.</summary>
        public TimeSpan Measured => time.GetElapsedTime(_began) - (duration * warmUp);
    }

    /// <summary>What the lock protects.</summary>
    private sealed class Section
    {
        private int _inside;
        private long _lastToken;
        private int _overlaps;

        public int Overlaps => Volatile.Read(ref _overlaps);

        public void Enter(long? token)
        {
            if (Interlocked.Increment(ref _inside) != 1 || (token is { } now && Interlocked.Exchange(ref _lastToken, now) >= now))
                Interlocked.Increment(ref _overlaps);
        }

        public void Leave() => Interlocked.Decrement(ref _inside);
    }
}
