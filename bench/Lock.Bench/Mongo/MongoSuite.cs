using Locking.Bench.Redis;
using MongoDB.Driver;
using Npgsql;

namespace Locking.Bench.Mongo;

/// <summary>The rows of the MongoDB backend: against the two commands that the simplest lock needs, through the same client,
/// the driver's.</summary>
/// <remarks>Runs on the test bed's engine behind the tests' gateway, or on the server that LOCK_TEST_MONGODB names.</remarks>
internal sealed class MongoSuite : IBenchSuite
{
    private const int Cycles = 40;
    private const int Keys = 64;

    public async Task RunAsync(BenchReport report, int rounds)
    {
        string? given = Environment.GetEnvironmentVariable("LOCK_TEST_MONGODB");
        if (!string.IsNullOrEmpty(given))
        {
            await MeasureAsync(report, rounds, given);
            return;
        }

        NpgsqlDataSource engine = await MongoEngine.StartAsync();
        try
        {
            await using var gateway = MongoGateway.Start(engine);
            await MeasureAsync(report, rounds, gateway.Uri);
        }
        finally
        {
            await MongoEngine.StopAsync();
        }
    }

    private static async Task MeasureAsync(BenchReport report, int rounds, string uri)
    {
        report.Versions[typeof(MongoClient).Assembly.GetName().Name!] = typeof(MongoClient).Assembly.GetName().Version!.ToString();
        if (report.Wants("mongo, uncontended"))
            await CompareAsync(report, uri, "mongo, uncontended", rounds, Cycles, 1, 1.1);
        if (report.Wants("mongo, 64 tasks on 64 keys"))
            await CompareAsync(report, uri, "mongo, 64 tasks on 64 keys", rounds, Keys * 4, Keys, 1 / 0.9);
        if (report.Wants("mongo, one key"))
            await HandOffAsync(report, uri, rounds);
    }

    private static async Task CompareAsync(BenchReport report, string uri, string what, int rounds, int operations, int keys, double bar)
    {
        using MongoClient client = new(uri);
        MongoTarget target = MongoTarget.OfLent(client.Settings, TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(2));
        using DriverCommandRunner runner = new(new MongoClientSource(client, target), TimeProvider.System);
        string suffix = Guid.NewGuid().ToString("N")[..8];

        // A collection for each: what one leaves behind for the server to clean up is not to slow another down.
        (string rawName, string name, string aloneName) = ($"raw_{suffix}", $"locks_{suffix}", $"alone_{suffix}");
        RawMongoLock raw = new(client.GetDatabase(MongoLibrary.Database), rawName);
        await raw.CreateIndexAsync();
        MongoLockStore alone = Store(aloneName);
        await using StoreLock locks = new(Store(name));
        ComparisonResult result = await new Comparison()
            .Add("raw findAndModify + update", n => OnKeysAsync(n, raw.CycleAsync))
            .Add("lock + unlock", n => OnKeysAsync(n, (key, cycles) => LockAsync(locks, key, cycles)))
            .Add("the store alone", n => OnKeysAsync(n, (key, cycles) => StoreAsync(alone, key, cycles)))
            .RunAsync(rounds, operations);
        report.AtMost($"{what}, lock + unlock", result.Ratio(1), bar, "×", result.Describe(), result.Columns);
        report.AtMost($"{what}, without the engine", result.Ratio(2), bar, "×", "the provider's two commands");
        foreach (string collection in (string[])[rawName, name, aloneName])
            await client.GetDatabase(MongoLibrary.Database).DropCollectionAsync(collection);

        MongoLockStore Store(string collection) =>
            new(runner, new MongoStoreSettings { Database = MongoLibrary.Database, Collection = collection, Target = target },
                TimeProvider.System);

        Task OnKeysAsync(int cycles, Func<string, int, Task> run) =>
            Task.WhenAll(Enumerable.Range(0, keys).Select(key => Task.Run(() => run($"orders/{key}", cycles / keys))));
    }

    /// <summary>The bars are ten times what a poller without turns was measured at,
    /// and no ratio: an empty section is over before anybody asks again.</summary>
    private static async Task HandOffAsync(BenchReport report, string uri, int rounds)
    {
        const string What = "mongo, one key, 4 processes × 2 tasks";
        IReadOnlyList<BenchColumn> columns =
            await HandOffs.MeasureAsync("mongo-worker", MongoLibrary.All, uri, Math.Clamp(rounds / 5, 1, 7));
        IReadOnlyDictionary<string, double> ours = columns[1].Figures;
        report.AtLeast($"{What}, changes of process", ours[HandOffs.Changes], 90, "/s", "", columns);
        report.AtMost($"{What}, p99 wait", ours[HandOffs.P99], 300, "ms", "", columns);
        report.AtLeast($"{What}, least/most share", ours[HandOffs.Share], 0.8, "", "", columns);
    }

    private static async Task LockAsync(ILock locks, string key, int operations)
    {
        for (int i = 0; i < operations; i++)
        {
            ILockHandle handle = await locks.LockAsync(key);
            await handle.UnlockAsync();
        }
    }

    private static async Task StoreAsync(MongoLockStore store, string key, int operations)
    {
        for (int i = 0; i < operations; i++)
        {
            var request = new AcquireRequest(key, Guid.NewGuid().ToString(), "bench", TimeSpan.FromSeconds(30));
            await store.TryAcquireAsync(request, CancellationToken.None);
            await store.TryReleaseAsync(key, request.HolderId, CancellationToken.None);
        }
    }
}
