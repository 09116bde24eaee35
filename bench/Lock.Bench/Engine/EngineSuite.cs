namespace Locking.Bench.Engine;

/// <summary>What the engine itself costs over a backend that costs nothing. The bars are our own: there is no peer.</summary>
internal sealed class EngineSuite : IBenchSuite
{
    private const int Cycles = 20_000;
    private const int Tasks = 64;

    public async Task RunAsync(BenchReport report, int rounds)
    {
        await CostAsync(report, rounds, answersLater: false);
        await CostAsync(report, rounds, answersLater: true);
        await AllocationsAsync(report);
    }

    private static async Task CostAsync(BenchReport report, int rounds, bool answersLater)
    {
        await using var locks = new StoreLock(new NullStore(answersLater));
        await using var store = new NullStore(answersLater);
        var request = new AcquireRequest("orders/42", "id", "owner", TimeSpan.FromSeconds(30));
        var result = await new Comparison()
            .Add("the two steps alone", n => StepsAsync(store, request, n))
            .Add("lock + unlock", n => LockAsync(locks, "orders/42", n))
            .Add("64 tasks on 64 keys", n => Task.WhenAll(Enumerable.Range(0, Tasks).Select(i => Task.Run(() => LockAsync(locks, $"orders/{i}", n / Tasks)))))
            .RunAsync(rounds, Cycles);
        var when = answersLater ? "answered on the pool" : "answered at once";
        report.AtMost($"engine, {when}, one task", (result.Median(1) - result.Median(0)) / 1000, 4, " µs", result.Describe());
        report.AtMost($"engine, {when}, 64 tasks", (result.Median(2) - result.Median(0)) / 1000, 4, " µs", "a cycle");
    }

    private static async Task AllocationsAsync(BenchReport report)
    {
        await using var locks = new StoreLock(new NullStore(answersLater: false));
        LockAsync(locks, "orders/42", 1000).GetAwaiter().GetResult();
        var before = GC.GetAllocatedBytesForCurrentThread();
        var task = LockAsync(locks, "orders/42", 1000);
        var bytes = (GC.GetAllocatedBytesForCurrentThread() - before) / 1000d;
        await task;
        report.AtMost("engine, allocated for one lock", bytes, 2000, " bytes", "request, contender, lease, handle, and the store's own");
    }

    private static async Task StepsAsync(NullStore store, AcquireRequest request, int cycles)
    {
        for (var i = 0; i < cycles; i++)
        {
            await store.TryAcquireAsync(request, default);
            await store.TryReleaseAsync(request.Key, request.HolderId, default);
        }
    }

    private static async Task LockAsync(ILock locks, string key, int cycles)
    {
        for (var i = 0; i < cycles; i++)
        {
            var handle = await locks.LockAsync(key);
            await handle.UnlockAsync();
        }
    }
}
