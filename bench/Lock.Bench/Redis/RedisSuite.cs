using System.Globalization;
using Locking.Bench.Broker;

namespace Locking.Bench.Redis;

/// <summary>The Redis and RedLock rows: against raw round trips of the same client in the same run.</summary>
internal sealed class RedisSuite : IBenchSuite
{
    private const int Cycles = 500;
    private const int Keys = 64;
    private const int Parked = 8;

    /// <summary>Rounds of parked waiters that do not count: code that was called fewer than thirty times is not the code that is measured elsewhere.</summary>
    private const int WarmUps = 100;

    public async Task RunAsync(BenchReport report, int rounds)
    {
        await using var server = await BenchRedis.StartAsync();
        if (report.Wants("one task"))
            await UncontendedAsync(report, server, rounds);
        if (report.Wants("64 tasks"))
            await ManyKeysAsync(report, server, rounds);
        if (report.Wants("one key"))
            await HandOffAsync(report, server);
        if (report.Wants("parked"))
            await WakeUpAsync(report, server, rounds);
        foreach (var trouble in new[] { null, "dead", "frozen" })
        {
            if (report.Wants(QuorumRow(trouble)))
                await QuorumAsync(report, rounds, trouble);
        }
    }

    private static async Task UncontendedAsync(BenchReport report, BenchRedis server, int rounds)
    {
        var raw = await server.RawAsync();
        var release = await RawCycle.LoadAsync(raw, server.Port);
        await using var store = BenchRedis.NewStore(server.Port);
        await using var locks = server.NewLock();
        var contenders = new (string Name, Func<int, Task> Run)[]
        {
            ("raw", n => RawCycle.RunAsync(raw, release, "raw", n)),
            ("lock + unlock", n => LockAsync(locks, "ours", n)),
            ("store alone", n => StepAsync(store, "store", n)),
            ("its two scripts, raw", n => RawCycle.RunScriptsAsync(raw, "scripts", n)),
        };
        var result = await Compare(contenders).RunAsync(rounds, Cycles);
        report.AtMost("redis, one task", result.Ratio(1), 1.1, "×", result.Describe() + "; " + await CostAsync(server, contenders, Cycles * 4));
    }

    private static async Task ManyKeysAsync(BenchReport report, BenchRedis server, int rounds)
    {
        var raw = await server.RawAsync();
        var release = await RawCycle.LoadAsync(raw, server.Port);
        await using var store = BenchRedis.NewStore(server.Port);
        await using var locks = server.NewLock();
        var contenders = new (string Name, Func<int, Task> Run)[]
        {
            ("raw", n => AllAsync((i, share) => RawCycle.RunAsync(raw, release, $"raw/{i}", share), n)),
            ("lock + unlock", n => AllAsync((i, share) => LockAsync(locks, $"ours/{i}", share), n)),
            ("store alone", n => AllAsync((i, share) => StepAsync(store, $"store/{i}", share), n)),
            ("its two scripts, raw", n => AllAsync((i, share) => RawCycle.RunScriptsAsync(raw, $"scripts/{i}", share), n)),
        };
        var result = await Compare(contenders).RunAsync(rounds, Keys * 50);
        report.AtLeast(
            "redis, 64 tasks on 64 keys, throughput", 1 / result.Ratio(1), 0.85, "×", result.Describe() + "; " + await CostAsync(server, contenders, Keys * 200));
    }

    /// <summary>One key, four processes with two tasks each and an empty section.</summary>
    private static async Task HandOffAsync(BenchReport report, BenchRedis server)
    {
        const int Processes = 4;
        const double Seconds = 5;
        var workers = new List<BenchChild>();
        try
        {
            for (var i = 0; i < Processes; i++)
                workers.Add(BenchChild.OfThisProgram("redis-worker", server.Port.ToString(CultureInfo.InvariantCulture)));
            foreach (var worker in workers)
                await worker.ReadAsync();
            // Once to warm up; then counts.
            await Task.WhenAll(workers.ConvertAll(static worker => worker.AskAsync("2 3")));
            var before = await ServerCost.ReadAsync(server);
            var answers = await Task.WhenAll(workers.ConvertAll(static worker => worker.AskAsync($"2 {Seconds}")));
            var cost = (await ServerCost.ReadAsync(server)).Since(before);
            var shares = answers.Select(static answer => answer.Split(' ').Length).ToArray();
            var waits = answers.SelectMany(static answer => answer.Split(' '))
                .Select(static wait => double.Parse(wait, CultureInfo.InvariantCulture) / 1000).Order().ToArray();
            var details = string.Create(
                CultureInfo.InvariantCulture,
                $"p50 {waits[waits.Length / 2]:0.0} ms, p99 {waits[waits.Length * 99 / 100]:0.0} ms, max {waits[^1]:0} ms, processes {string.Join('/', shares)}; {cost.Per(waits.Length)}");
            report.AtLeast("redis, one key, 4 processes × 2 tasks, hand-offs", waits.Length / Seconds, 3000, "/s", details);
            report.AtMost("redis, one key, 4 processes × 2 tasks, p99 wait", waits[waits.Length * 99 / 100], 20, " ms", details);
            report.AtLeast("redis, one key, 4 processes × 2 tasks, least/most share", shares.Min() / (double)shares.Max(), 0.8, "", details);
        }
        finally
        {
            foreach (var worker in workers)
                await worker.DisposeAsync();
        }
    }

    /// <summary>Eight clients are parked; the lock is released: how long until the first has it, in raw round trips.</summary>
    private static async Task WakeUpAsync(BenchReport report, BenchRedis server, int rounds)
    {
        var (wake, trip) = await WakeUpAsync(server, Math.Max(60, rounds), Parked);
        // What the seven others cost, who hear the notice as well.
        var (alone, _) = await WakeUpAsync(server, Math.Max(60, rounds), 1);
        report.AtMost(
            "redis, 8 parked waiters, first has it after", wake / trip, 5, " round trips",
            string.Create(CultureInfo.InvariantCulture, $"{wake:0} µs, round trip {trip:0} µs; one parked waiter {alone:0} µs, {alone / trip:0.0} round trips"));
    }

    /// <summary>Microseconds from the release to the first grant, and those of a raw round trip.</summary>
    private static async Task<(double Wake, double Trip)> WakeUpAsync(BenchRedis server, int rounds, int parked)
    {
        var raw = await server.RawAsync();
        var clients = Enumerable.Range(0, parked).Select(_ => server.NewLock()).ToList();
        await using var holder = server.NewLock();
        var wakes = new List<double>();
        var pings = new List<double>();
        for (var round = -WarmUps; round < rounds; round++)
        {
            if (round == 0)
            {
                wakes.Clear();
                pings.Clear();
            }

            var handle = await holder.LockAsync("parked");
            using var stop = new CancellationTokenSource();
            var waiting = clients.ConvertAll(client => client.LockAsync("parked", cancellationToken: stop.Token).AsTask());
            await Task.Delay(TimeSpan.FromMilliseconds(30), TimeProvider.System);
            for (var i = 0; i < 20; i++)
            {
                var before = TimeProvider.System.GetTimestamp();
                await raw.PingAsync();
                pings.Add(TimeProvider.System.GetElapsedTime(before).TotalMicroseconds);
            }

            var start = TimeProvider.System.GetTimestamp();
            _ = handle.UnlockAsync().AsTask();
            await Task.WhenAny(waiting);
            wakes.Add(TimeProvider.System.GetElapsedTime(start).TotalMicroseconds);
            await stop.CancelAsync();
            foreach (var waiter in waiting)
            {
                try
                {
                    await (await waiter).DisposeAsync();
                }
                catch (OperationCanceledException)
                {
                    // Not its turn.
                }
            }
        }

        foreach (var client in clients)
            await client.DisposeAsync();
        wakes.Sort();
        pings.Sort();
        return (wakes[wakes.Count / 2], pings[pings.Count / 2]);
    }

    private static async Task QuorumAsync(BenchReport report, int rounds, string? trouble)
    {
        var servers = new List<BenchRedis>();
        try
        {
            for (var i = 0; i < 3; i++)
                servers.Add(await BenchRedis.StartAsync());
            var raw = await servers[0].RawAsync();
            var release = await RawCycle.LoadAsync(raw, servers[0].Port);
            var nodes = await Task.WhenAll(servers.Select(static server => server.RawAsync()));
            await using var store = NewQuorum(servers);
            await using var locks = new StoreLock(NewQuorum(servers));
            await LockAsync(locks, "ours", 100);
            await StepAsync(store, "store", 100);
            if (trouble == "dead")
                servers[2].Kill();
            else if (trouble == "frozen")
                servers[2].Signal("-STOP");
            if (trouble is not null)
            {
                await LockAsync(locks, "ours", 2000);
                await StepAsync(store, "store", 2000);
            }

            var contenders = new (string Name, Func<int, Task> Run)[]
            {
                ("raw, one server", n => RawCycle.RunAsync(raw, release, "raw", n)),
                ("lock + unlock", n => LockAsync(locks, "ours", n)),
                ("store alone", n => StepAsync(store, "store", n)),
            };
            if (trouble is null)
                contenders = [.. contenders, ("its scripts, bare", n => RawQuorum.RunAsync(nodes, "scripts", n))];
            var result = await Compare(contenders).RunAsync(rounds, Cycles);
            report.AtMost(QuorumRow(trouble), result.Ratio(1), 2, "×", result.Describe() + "; " + await CostAsync(servers[0], contenders, Cycles * 4));
        }
        finally
        {
            foreach (var server in servers)
                await server.DisposeAsync();
        }
    }

    private static ILockStore NewQuorum(List<BenchRedis> servers) => new RedLockLockProvider().CreateStore(
        new LockConfig
        {
            Connection = new LockConnection { Endpoints = servers.ConvertAll(server => new LockConnection { Port = server.Port }) },
            LockOptions = new LockOptions(),
        },
        LockProviderContext.Default);

    private static string QuorumRow(string? trouble) => trouble is null ? "redLock, 3 nodes, all well" : $"redLock, 3 nodes, one {trouble}";

    private static Comparison Compare((string Name, Func<int, Task> Run)[] contenders)
    {
        var comparison = new Comparison();
        foreach (var (name, run) in contenders)
            comparison.Add(name, run);
        return comparison;
    }

    /// <summary>What one operation of each contender costs, counted by server and system.</summary>
    private static async Task<string> CostAsync(BenchRedis server, (string Name, Func<int, Task> Run)[] contenders, int operations)
    {
        var costs = new List<string>();
        foreach (var (name, run) in contenders)
        {
            var before = await ServerCost.ReadAsync(server);
            var client = ClientCost.Read();
            await run(operations);
            var used = ClientCost.Read().Since(client);
            costs.Add($"{name}: {(await ServerCost.ReadAsync(server)).Since(before).Per(operations)}, {used.Per(operations)}");
        }

        return string.Join("; ", costs);
    }

    /// <summary>The two steps of the store, without the engine over it.</summary>
    private static async Task StepAsync(ILockStore store, string key, int cycles)
    {
        for (var i = 0; i < cycles; i++)
        {
            var request = new AcquireRequest(key, Guid.NewGuid().ToString(), "bench", TimeSpan.FromSeconds(30));
            if (!(await store.TryAcquireAsync(request, CancellationToken.None)).IsGranted)
                throw new InvalidOperationException("The lock was taken.");
            await store.TryReleaseAsync(key, request.HolderId, CancellationToken.None);
        }
    }

    private static async Task LockAsync(StoreLock locks, string key, int cycles)
    {
        for (var i = 0; i < cycles; i++)
        {
            var handle = await locks.LockAsync(key);
            await handle.UnlockAsync();
        }
    }

    private static Task AllAsync(Func<int, int, Task> run, int operations) =>
        Task.WhenAll(Enumerable.Range(0, Keys).Select(i => Task.Run(() => run(i, operations / Keys))));
}
