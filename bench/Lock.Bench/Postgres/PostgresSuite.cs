using System.Globalization;
using Locking.Bench.Redis;

namespace Locking.Bench.Postgres;

/// <summary>The rows of PostgreSQL: against two raw statements, and against DistributedLock.Postgres,
/// by the same client in the same run.</summary>
internal sealed class PostgresSuite : IBenchSuite
{
    private const int Keys = 64;
    private const int Medallion = 1;
    private const int Ours = 2;

    public async Task RunAsync(BenchReport report, int rounds)
    {
        foreach (Type? type in new[] { typeof(Npgsql.NpgsqlConnection),
            typeof(global::Medallion.Threading.Postgres.PostgresDistributedLock) })
            report.Versions[type.Assembly.GetName().Name!] = type.Assembly.GetName().Version!.ToString();
        foreach (bool flushes in new[] { false, true })
        {
            string name = flushes ? "postgres, fsync on" : "postgres";
            await using PostgresServer server = await PostgresServer.StartAsync("max_connections=400", $"fsync={(flushes ? "on" : "off")}");
            if (report.Wants($"{name}, one task"))
                await CompareAsync(report, server, $"{name}, one task", rounds, 100, static (library, n) => library.CycleAsync("one", n));
            if (report.Wants($"{name}, 64 tasks on 64 keys"))
            {
                await CompareAsync(report, server, $"{name}, 64 tasks on 64 keys", rounds, Keys * 10, static (library, n) =>
                    Task.WhenAll(Enumerable.Range(0, Keys).Select(i => Task.Run(() => library.CycleAsync($"many/{i}", n / Keys)))));
            }

            if (report.Wants($"{name}, one key"))
                await HandOffAsync(report, server, $"{name}, one key, 4 processes × 2 tasks", rounds);
        }
    }

    private static async Task CompareAsync(BenchReport report, PostgresServer server, string what, int rounds, int operations,
        Func<PostgresLibrary, int, Task> run)
    {
        var libraries = PostgresLibrary.All.Select(name => PostgresLibrary.Connect(name, server.Port)).ToList();
        var comparison = new Comparison();
        foreach ((string name, PostgresLibrary library) in PostgresLibrary.All.Zip(libraries))
            comparison.Add(name, n => run(library, n));
        ComparisonResult result = await comparison.RunAsync(rounds, operations);
        foreach (PostgresLibrary? library in libraries)
            await library.DisposeAsync();
        report.AtMost(what + ", two raw statements", result.Ratio(Ours), 1.3, "×", result.Describe(), result.Columns);
        report.AtMost(what + ", DistributedLock.Postgres", result.Median(Ours) / result.Median(Medallion), 1, "×", "ours of theirs");
    }

    private static async Task HandOffAsync(BenchReport report, PostgresServer server, string what, int rounds)
    {
        IReadOnlyList<BenchColumn> columns = await HandOffs.MeasureAsync("postgres-worker", PostgresLibrary.Waiting,
            server.Port.ToString(CultureInfo.InvariantCulture), Math.Clamp(rounds / 5, 1, 7));
        (IReadOnlyDictionary<string, double> theirs, IReadOnlyDictionary<string, double> ours) = (columns[0].Figures, columns[1].Figures);
        report.AtLeast(what + ", changes of process, of DistributedLock.Postgres", ours[HandOffs.Changes] / theirs[HandOffs.Changes], 1,
            "×", "", columns);
        report.AtMost(what + ", p99 wait, of DistributedLock.Postgres", ours[HandOffs.P99] / theirs[HandOffs.P99], 1, "×", "", columns);
        report.AtLeast(what + ", least/most share", ours[HandOffs.Share], 0.8, "", "", columns);
    }
}
