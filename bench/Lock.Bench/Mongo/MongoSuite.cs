using MongoDB.Driver;

namespace Locking.Bench.Mongo;

/// <summary>The row of the MongoDB backend: against the two commands that the simplest lock needs, through the same client, the driver's.</summary>
/// <remarks>Runs on the test bed's engine behind the tests' gateway, or on the server that LOCK_TEST_MONGODB names.</remarks>
internal sealed class MongoSuite : IBenchSuite
{
    private const int Cycles = 40;
    private const string Database = "lock_bench";

    public async Task RunAsync(BenchReport report, int rounds)
    {
        var given = Environment.GetEnvironmentVariable("LOCK_TEST_MONGODB");
        if (!string.IsNullOrEmpty(given))
        {
            await MeasureAsync(report, rounds, given);
            return;
        }

        var engine = await MongoEngine.StartAsync();
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
        using var client = new MongoClient(uri);
        using var runner = new DriverCommandRunner(new MongoClientSource(client, MongoTarget.OfLent(client.Settings, TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(2))), TimeProvider.System);
        var suffix = Guid.NewGuid().ToString("N")[..8];
        // A collection for each: what one leaves behind for the server to clean up is not to slow another down.
        var (rawName, name, aloneName) = ($"raw_{suffix}", $"locks_{suffix}", $"alone_{suffix}");
        var raw = new RawMongoLock(client.GetDatabase(Database), rawName);
        await raw.CreateIndexAsync();
        var store = Store(name);
        var alone = Store(aloneName);
        await using var locks = new StoreLock(store);
        var result = await new Comparison()
            .Add("raw findAndModify + update", n => raw.CycleAsync("orders/42", n))
            .Add("lock + unlock", n => LockAsync(locks, "orders/42", n))
            .Add("the store alone", n => StoreAsync(alone, "orders/42", n))
            .RunAsync(rounds, Cycles);
        report.AtMost("mongo, uncontended, lock + unlock", result.Ratio(1), 1.3, "×", result.Describe());
        report.AtMost("the same, without the engine", result.Ratio(2), 1.3, "×", "the provider's two commands");
        foreach (var collection in (string[])[rawName, name, aloneName])
            await client.GetDatabase(Database).DropCollectionAsync(collection);

        MongoLockStore Store(string collection) => new(runner, new MongoStoreSettings { Database = Database, Collection = collection }, TimeProvider.System);
    }

    private static async Task LockAsync(ILock locks, string key, int operations)
    {
        for (var i = 0; i < operations; i++)
        {
            var handle = await locks.LockAsync(key);
            await handle.UnlockAsync();
        }
    }

    private static async Task StoreAsync(MongoLockStore store, string key, int operations)
    {
        for (var i = 0; i < operations; i++)
        {
            var request = new AcquireRequest(key, Guid.NewGuid().ToString(), "bench", TimeSpan.FromSeconds(30));
            await store.TryAcquireAsync(request, CancellationToken.None);
            await store.TryReleaseAsync(key, request.HolderId, CancellationToken.None);
        }
    }
}
