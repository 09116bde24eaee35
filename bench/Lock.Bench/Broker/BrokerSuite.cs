using System.Globalization;

namespace Locking.Bench.Broker;

/// <summary>The broker rows: against npm's live-mutex (its client and its broker, over TCP) and against raw round trips, in the same run.
/// Brokers, clients and the echo are processes of their own.</summary>
internal sealed class BrokerSuite : IBenchSuite
{
    private const int Cycles = 10_000;
    private const int AtOnce = 20;
    private const int Seconds = 4;

    /// <summary>Until the runtime has compiled everything for good in five processes on few processors.</summary>
    private const int WarmUpSeconds = 8;

    /// <summary>What can be measured alone.</summary>
    public static IReadOnlyList<string> Parts { get; } = ["one-key", "many-keys", "npm-client", "processes", "sizes"];

    public async Task RunAsync(BenchReport report, int rounds)
    {
        string directory = Directory.CreateTempSubdirectory("lock-bench-").FullName;
        try
        {
            string path = Path.Combine(directory, "broker.sock");
            await using var broker = BenchChild.OfThisProgram("broker", path);
            int port = int.Parse(await broker.ReadAsync(), CultureInfo.InvariantCulture);
            if (report.Wants("one-key") || report.Wants("many-keys"))
                await AgainstPublishedAsync(report, path, port, Math.Min(rounds, 7));
            if (report.Wants("npm-client"))
                await PublishedClient.MeasureAsync(report, broker, path, port, Math.Min(rounds, 7));
            if (report.Wants("processes"))
                await ManyProcessesAsync(report, path, directory);
            if (report.Wants("sizes"))
                await BrokerSizes.MeasureAsync(report, broker, path);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static async Task AgainstPublishedAsync(BenchReport report, string path, int port, int rounds)
    {
        int publishedPort = BenchChild.FreePort();
        await using var publishedBroker = BenchChild.OfNode("broker", publishedPort);
        await publishedBroker.ReadAsync();
        await using var published = BenchChild.OfNode("client", publishedPort);
        await published.ReadAsync();
        await using RawTrips trips = await RawTrips.StartAsync();
        await using var tcp = new StoreLock(new BrokerLockStore(new BrokerLockSettings { Host = "127.0.0.1", Port = port }));
        await using var unix = new StoreLock(new BrokerLockStore(new BrokerLockSettings { Path = path }));
        foreach (int keys in (int[])[1, AtOnce])
        {
            if (!report.Wants(keys == 1 ? "one-key" : "many-keys"))
                continue;
            ComparisonResult result = await new Comparison()
                .Add("live-mutex", n => published.AskNumberAsync($"{n} {AtOnce} {keys}"))
                .Add("round trip", trips.RunAsync)
                .Add("TCP", n => CyclesAsync(tcp, n, keys))
                .Add("socket", n => CyclesAsync(unix, n, keys))
                .RunAsync(rounds, Cycles);
            string what = keys == 1 ? "one key" : $"{keys} keys";
            double bar = keys == 1 ? 2.5 : 4;
            report.AtLeast($"broker, {AtOnce} at once, {what}, TCP, cycles of live-mutex", 1 / result.Ratio(2), bar, "×",
                result.Describe());
            report.AtLeast($"broker, {AtOnce} at once, {what}, socket, cycles of live-mutex", 1 / result.Ratio(3), bar, "×",
                result.Describe());
            if (keys == 1)
                report.AtMost("broker, one key, hand-off, TCP", result.Median(2) / result.Median(1), 1.3, " round trips",
                    result.Describe());
        }
    }

    private static async Task CyclesAsync(StoreLock locks, int cycles, int keys)
    {
        int left = cycles;
        await Task.WhenAll(Enumerable.Range(0, AtOnce).Select(i => Task.Run(async () =>
        {
            string key = string.Create(CultureInfo.InvariantCulture, $"ours/{i % keys}");
            while (Interlocked.Decrement(ref left) >= 0)
            {
                ILockHandle handle = await locks.LockAsync(key);
                await handle.UnlockAsync();
            }
        })));
    }

    /// <summary>Four processes with 25 tasks each on one key, while another client comes and goes all the time.</summary>
    private static async Task ManyProcessesAsync(BenchReport report, string path, string directory)
    {
        string map = Path.Combine(directory, "inside");
        await File.WriteAllBytesAsync(map, new byte[4096]);
        var workers = new List<BenchChild>();
        try
        {
            for (int i = 0; i < 4; i++)
                workers.Add(BenchChild.OfThisProgram("worker", path, map));
            foreach (BenchChild worker in workers)
                await worker.ReadAsync();
            await Task.WhenAll(workers.ConvertAll(worker => worker.AskAsync($"25 {WarmUpSeconds}")));
            using var stop = new CancellationTokenSource();
            Task<int> passing = PassByAsync(path, stop.Token);
            string[] answers = await Task.WhenAll(workers.ConvertAll(worker => worker.AskAsync($"25 {Seconds}")));
            await stop.CancelAsync();
            int visits = await passing;
            var results = answers.Select(answer =>
                answer.Split(' ').Select(part => double.Parse(part, CultureInfo.InvariantCulture)).ToArray()).ToList();
            string details = string.Create(
                CultureInfo.InvariantCulture,
                $"turns {string.Join('/', results.Select(r => r[0]))}, p50 {results.Max(r => r[2]):0.0} ms, max "
                    + $"{results.Max(r => r[4]):0.0} ms, {visits} visits");
            (double published, double publishedWait) = await PublishedProcessesAsync();
            double rate = results.Sum(r => r[0]) / Seconds;
            details = string.Create(CultureInfo.InvariantCulture,
                $"{rate:0}/s, live-mutex {published:0}/s with p99 {publishedWait:0.0} ms; {details}");
            report.AtLeast("broker, one key, 4 processes × 25, hand-offs of live-mutex", rate / published, 4, "×", details);
            report.AtMost("broker, one key, 4 processes × 25, p99 wait of live-mutex", results.Max(r => r[3]) / publishedWait, 0.25,
                "×", details);
            report.AtMost("broker, one key, 4 processes × 25, overlaps", results.Sum(r => r[1]), 0, "", details);
        }
        finally
        {
            foreach (BenchChild worker in workers)
                await worker.DisposeAsync();
        }
    }

    /// <summary>The same with npm's live-mutex, without anybody who comes and goes: its locks would overlap.</summary>
    private static async Task<(double Rate, double Wait)> PublishedProcessesAsync()
    {
        int port = BenchChild.FreePort();
        await using var broker = BenchChild.OfNode("broker", port);
        await broker.ReadAsync();
        var clients = new List<BenchChild>();
        try
        {
            for (int i = 0; i < 4; i++)
                clients.Add(BenchChild.OfNode("client", port));
            foreach (BenchChild client in clients)
                await client.ReadAsync();
            await Task.WhenAll(clients.ConvertAll(client => client.AskAsync($"timed {WarmUpSeconds} 25")));
            string[] answers = await Task.WhenAll(
                clients.ConvertAll(client => client.AskAsync(string.Create(CultureInfo.InvariantCulture, $"timed {Seconds} 25"))));
            var numbers = answers.Select(answer =>
                answer.Split(' ').Select(part => double.Parse(part, CultureInfo.InvariantCulture)).ToArray()).ToList();
            return (numbers.Sum(n => n[0]) / Seconds, numbers.Max(n => n[1]));
        }
        finally
        {
            foreach (BenchChild client in clients)
                await client.DisposeAsync();
        }
    }

    private static async Task<int> PassByAsync(string path, CancellationToken stop)
    {
        int visits = 0;
        while (!stop.IsCancellationRequested)
        {
            await using var store = new BrokerLockStore(new BrokerLockSettings { Path = path });
            await store.GetAsync("nothing", CancellationToken.None);
            visits++;
            await Task.Delay(TimeSpan.FromMilliseconds(2), TimeProvider.System, CancellationToken.None);
        }

        return visits;
    }
}
