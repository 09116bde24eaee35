using System.Globalization;
using StackExchange.Redis;

namespace Locking.Bench.Redis;

/// <summary>The Redis and RedLock rows: against raw round trips of the same client in the same run.</summary>
internal sealed class RedisSuite : IBenchSuite
{
    private const int Cycles = 500;
    private const int Keys = 64;
    private const int Parked = 8;

    /// <summary>Ours among the libraries.</summary>
    private const int Ours = 3;

    /// <summary>Rounds of parked waiters that do not count: code that was called fewer than thirty times is not the code that is measured
    /// elsewhere.</summary>
    private const int WarmUps = 100;

    public async Task RunAsync(BenchReport report, int rounds)
    {
        foreach (Type? client in new[] { typeof(StackExchange.Redis.ConnectionMultiplexer),
            typeof(Medallion.Threading.Redis.RedisDistributedLock), typeof(RedLockNet.SERedis.RedLockFactory) })
            report.Versions[client.Assembly.GetName().Name!] = Machine.VersionOf(client);
        await using BenchRedis server = await BenchRedis.StartAsync();
        if (report.Wants("redis, one task"))
            await UncontendedAsync(report, server, rounds);
        if (report.Wants("redis, 64 tasks"))
            await ManyKeysAsync(report, server, rounds);
        if (report.Wants("redis, one key"))
            await HandOffAsync(report, "redis, one key", [server], rounds);
        if (report.Wants("redis, 8 parked"))
            await WakeUpAsync(report, server, rounds);
        foreach (string? trouble in new[] { null, "dead", "frozen" })
        {
            if (report.Wants(QuorumRow(trouble)))
                await QuorumAsync(report, rounds, trouble);
        }

        if (report.Wants("redLock, 64 tasks"))
            await WithThreeAsync(servers => ManyKeysAsync(report, servers, rounds));
        if (report.Wants("redLock, one key"))
            await WithThreeAsync(servers => HandOffAsync(report, "redLock, one key", servers, rounds));
    }

    private static async Task UncontendedAsync(BenchReport report, BenchRedis server, int rounds)
    {
        IDatabase raw = await server.RawAsync();
        await using Libraries libraries = await Libraries.ConnectAsync([server]);
        await using ILockStore store = BenchRedis.NewStore(server.Port);
        (string Name, Func<int, Task> Run)[] contenders =
        [
            .. libraries.Contenders((library, n) => library.CycleAsync(library.GetType().Name, n)),
            ("store alone", n => StepAsync(store, "store", n)),
            ("its two scripts, raw", n => RawCycle.RunScriptsAsync(raw, "scripts", n)),
        ];
        ComparisonResult result = await Compare(contenders).RunAsync(rounds, Cycles);
        report.AtMost(
            "redis, one task", result.Ratio(Ours), 1.1, "×", result.Describe() + "; " + await CostAsync(server, contenders, Cycles * 4),
            result.Columns);
    }

    private static async Task ManyKeysAsync(BenchReport report, BenchRedis server, int rounds)
    {
        IDatabase raw = await server.RawAsync();
        await using Libraries libraries = await Libraries.ConnectAsync([server]);
        await using ILockStore store = BenchRedis.NewStore(server.Port);
        (string Name, Func<int, Task> Run)[] contenders =
        [
            .. libraries.Contenders((library, n) => AllAsync((i, share) => library.CycleAsync($"{library.GetType().Name}/{i}", share), n)),
            ("store alone", n => AllAsync((i, share) => StepAsync(store, $"store/{i}", share), n)),
            ("its two scripts, raw", n => AllAsync((i, share) => RawCycle.RunScriptsAsync(raw, $"scripts/{i}", share), n)),
        ];
        ComparisonResult result = await Compare(contenders).RunAsync(rounds, Keys * 50);
        report.AtLeast(
            "redis, 64 tasks on 64 keys, throughput", 1 / result.Ratio(Ours), 0.85, "×",
            result.Describe() + "; " + await CostAsync(server, contenders, Keys * 200), result.Columns);
    }

    /// <summary>The same over a quorum of three; raw stays one server.</summary>
    private static async Task ManyKeysAsync(BenchReport report, IReadOnlyList<BenchRedis> servers, int rounds)
    {
        await using Libraries libraries = await Libraries.ConnectAsync(servers);
        IDatabase[] nodes = await Task.WhenAll(servers.Select(static server => server.RawAsync()));
        byte[] release = (await Task.WhenAll(servers.Select((server, i) => RawCycle.LoadAsync(nodes[i], server.Port))))[0];
        (string Name, Func<int, Task> Run)[] contenders =
        [
            .. libraries.Contenders((library, n) => AllAsync((i, share) => library.CycleAsync($"{library.GetType().Name}/{i}", share), n)),
            ("raw on three", n => AllAsync((i, share) => RawQuorum.RunRawAsync(nodes, release, $"three/{i}", share), n)),
        ];
        ComparisonResult result = await Compare(contenders).RunAsync(rounds, Keys * 20);
        report.AtLeast("redLock, 64 tasks on 64 keys, 3 nodes, throughput", 1 / result.Ratio(Ours), 0.3, "×",
            result.Describe() + "; " + await CostAsync(servers[0], contenders, Keys * 200), result.Columns);
    }

    /// <summary>One key, four processes with two tasks each and an empty section; the libraries take turns.</summary>
    private static async Task HandOffAsync(BenchReport report, string row, IReadOnlyList<BenchRedis> servers, int rounds)
    {
        var columns = (await HandOffs.MeasureAsync(servers, Math.Clamp(rounds / 5, 1, 7))).ToList();
        IReadOnlyDictionary<string, double> ours = columns[Ours].Figures;
        string what = row + ", 4 processes × 2 tasks";
        string cost = $"turns of {HandOffs.Seconds} s, interleaved";
        report.AtLeast(what + ", changes of process", ours[HandOffs.Changes], 3000, "/s", cost, columns);
        report.AtMost(what + ", p99 wait", ours[HandOffs.P99], 10, " ms", cost, columns);
        report.AtLeast(what + ", least/most share", ours[HandOffs.Share], 0.8, "", cost, columns);
    }

    private static async Task WithThreeAsync(Func<IReadOnlyList<BenchRedis>, Task> run)
    {
        var servers = new List<BenchRedis>();
        try
        {
            for (int i = 0; i < 3; i++)
                servers.Add(await BenchRedis.StartAsync());
            await run(servers);
        }
        finally
        {
            foreach (BenchRedis server in servers)
                await server.DisposeAsync();
        }
    }

    /// <summary>Eight clients are parked; the lock is released: how long until the first has it, in raw round trips.</summary>
    private static async Task WakeUpAsync(BenchReport report, BenchRedis server, int rounds)
    {
        (double wake, double trip) = await WakeUpAsync(server, Math.Max(60, rounds), Parked);
        // What the seven others cost, who hear the notice as well.
        (double alone, double _) = await WakeUpAsync(server, Math.Max(60, rounds), 1);
        report.AtMost(
            "redis, 8 parked waiters, first has it after", wake / trip, 5, " round trips",
            string.Create(CultureInfo.InvariantCulture,
                $"{wake:0} µs, round trip {trip:0} µs; one parked waiter {alone:0} µs, {alone / trip:0.0} round trips"));
    }

    /// <summary>Microseconds from the release to the first grant, and those of a raw round trip.</summary>
    private static async Task<(double Wake, double Trip)> WakeUpAsync(BenchRedis server, int rounds, int parked)
    {
        IDatabase raw = await server.RawAsync();
        var clients = Enumerable.Range(0, parked).Select(_ => server.NewLock()).ToList();
        await using StoreLock holder = server.NewLock();
        var wakes = new List<double>();
        var pings = new List<double>();
        for (int round = -WarmUps; round < rounds; round++)
        {
            if (round == 0)
            {
                wakes.Clear();
                pings.Clear();
            }

            ILockHandle handle = await holder.LockAsync("parked");
            using var stop = new CancellationTokenSource();
            List<Task<ILockHandle>> waiting =
                clients.ConvertAll(client => client.LockAsync("parked", cancellationToken: stop.Token).AsTask());
            await Task.Delay(TimeSpan.FromMilliseconds(30), TimeProvider.System);
            for (int i = 0; i < 20; i++)
            {
                long before = TimeProvider.System.GetTimestamp();
                await raw.PingAsync();
                pings.Add(TimeProvider.System.GetElapsedTime(before).TotalMicroseconds);
            }

            long start = TimeProvider.System.GetTimestamp();
            _ = handle.UnlockAsync().AsTask();
            await Task.WhenAny(waiting);
            wakes.Add(TimeProvider.System.GetElapsedTime(start).TotalMicroseconds);
            await stop.CancelAsync();
            foreach (Task<ILockHandle>? waiter in waiting)
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

        foreach (StoreLock? client in clients)
            await client.DisposeAsync();
        wakes.Sort();
        pings.Sort();
        return (wakes[wakes.Count / 2], pings[pings.Count / 2]);
    }

    private static Task QuorumAsync(BenchReport report, int rounds, string? trouble) => WithThreeAsync(async servers =>
    {
        IDatabase[] nodes = await Task.WhenAll(servers.Select(static server => server.RawAsync()));
        byte[] release = (await Task.WhenAll(servers.Select((server, i) => RawCycle.LoadAsync(nodes[i], server.Port))))[0];
        await using Libraries libraries = await Libraries.ConnectAsync(servers);
        await using ILockStore store = BenchRedis.NewQuorum([.. servers.Select(static server => server.Port)]);
        await libraries.Of(RedisLibrary.Ours).CycleAsync("ours", 100);
        await StepAsync(store, "store", 100);
        if (trouble == "dead")
            servers[2].Kill();
        else if (trouble == "frozen")
            servers[2].Signal("-STOP");
        if (trouble is not null)
        {
            await libraries.Of(RedisLibrary.Ours).CycleAsync("ours", 2000);
            await StepAsync(store, "store", 2000);
        }

        // With a server in trouble the peers take seconds for a cycle: that is measured once, and not in every round.
        (string Name, Func<int, Task> Run)[] contenders = trouble is null
            ?
            [
                .. libraries.Contenders((library, n) => library.CycleAsync(library.GetType().Name, n)),
                ("store alone", n => StepAsync(store, "store", n)),
                ("its scripts, bare", n => RawQuorum.RunAsync(nodes, "scripts", n)),
                ("raw on three", n => RawQuorum.RunRawAsync(nodes, release, "three", n)),
            ]
            :
            [
                .. libraries.Contenders((library, n) => library.CycleAsync(library.GetType().Name, n))
                    .Where(static one => one.Name is RedisLibrary.Raw or RedisLibrary.Ours),
                ("store alone", n => StepAsync(store, "store", n)),
            ];
        ComparisonResult result = await Compare(contenders).RunAsync(rounds, Cycles);
        IReadOnlyList<BenchColumn> peers = trouble is null ? [] : await libraries.TroubledAsync();
        int ours = Array.FindIndex(contenders, static one => one.Name == RedisLibrary.Ours);
        report.AtMost(
            QuorumRow(trouble), result.Ratio(ours), 2, "×", result.Describe() + "; " + await CostAsync(servers[0], contenders, Cycles * 4),
            [.. result.Columns, .. peers]);
    });

    private static string QuorumRow(string? trouble) => trouble is null ? "redLock, 3 nodes, all well" : $"redLock, 3 nodes, one {trouble}";

    private static Comparison Compare((string Name, Func<int, Task> Run)[] contenders)
    {
        var comparison = new Comparison();
        foreach ((string name, Func<int, Task> run) in contenders)
            comparison.Add(name, run);
        return comparison;
    }

    /// <summary>What one operation of each contender costs, counted by server and system.</summary>
    private static async Task<string> CostAsync(BenchRedis server, (string Name, Func<int, Task> Run)[] contenders, int operations)
    {
        var costs = new List<string>();
        foreach ((string name, Func<int, Task> run) in contenders)
        {
            ServerCost before = await ServerCost.ReadAsync(server);
            var client = ClientCost.Read();
            await run(operations);
            ClientCost used = ClientCost.Read().Since(client);
            costs.Add($"{name}: {(await ServerCost.ReadAsync(server)).Since(before).Per(operations)}, {used.Per(operations)}");
        }

        return string.Join("; ", costs);
    }

    /// <summary>The two steps of the store, without the engine over it.</summary>
    private static async Task StepAsync(ILockStore store, string key, int cycles)
    {
        for (int i = 0; i < cycles; i++)
        {
            var request = new AcquireRequest(key, Guid.NewGuid().ToString(), "bench", TimeSpan.FromSeconds(30));
            if (!(await store.TryAcquireAsync(request, CancellationToken.None)).IsGranted)
                throw new InvalidOperationException("The lock was taken.");
            await store.TryReleaseAsync(key, request.HolderId, CancellationToken.None);
        }
    }

    private static Task AllAsync(Func<int, int, Task> run, int operations) =>
        Task.WhenAll(Enumerable.Range(0, Keys).Select(i => Task.Run(() => run(i, operations / Keys))));
}
