namespace Locking.Bench.Engine;

/// <summary>What the engine itself costs over a backend that costs nothing. The bars are our own: there is no peer.</summary>
internal sealed class EngineSuite : IBenchSuite
{
    private const int Cycles = 20_000;
    private const int Tasks = 64;

    public async Task RunAsync(BenchReport report, int rounds)
    {
        await CostAsync(report, rounds, answersLater: false, "answered at once", 1000, 2.5);
        await CostAsync(report, rounds, answersLater: true, "answered on the pool", 1800, 3.5);
    }

    private static async Task CostAsync(BenchReport report, int rounds, bool answersLater, string when, int mostBytes,
        double mostMicroseconds)
    {
        await using var store = new NullStore(answersLater);
        await using var locks = new StoreLock(new NullStore(answersLater));
        var request = new AcquireRequest("orders/42", "id", "owner", TimeSpan.FromSeconds(30));
        ComparisonResult result = await new Comparison()
            .Add("the two steps alone", n => StepsAsync(store, request, n))
            .Add("lock + unlock", n => LockAsync(locks, "orders/42", n))
            .Add("64 tasks on 64 keys",
                n => Task.WhenAll(Enumerable.Range(0, Tasks).Select(i => Task.Run(() => LockAsync(locks, $"orders/{i}", n / Tasks)))))
            .Add("20 tasks on one key",
                n => Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Task.Run(() => LockAsync(locks, "orders/42", n / 20)))))
            .RunAsync(rounds, Cycles);
        report.AtMost($"engine, {when}, one task", (result.Median(1) - result.Median(0)) / 1000, mostMicroseconds, " µs",
            result.Describe());
        report.AtMost($"engine, {when}, 64 tasks", (result.Median(2) - result.Median(0)) / 1000, mostMicroseconds, " µs", "a cycle");
        double bytes = await AllocatedAsync(() => LockAsync(locks, "orders/42", Cycles)) / Cycles;
        double ofSteps = await AllocatedAsync(() => StepsAsync(store, request, Cycles)) / Cycles;
        report.AtMost($"engine, {when}, allocated for one lock", bytes - ofSteps, mostBytes, " bytes",
            $"with the store's own steps {bytes:0}");
    }

    private static async Task<double> AllocatedAsync(Func<Task> run)
    {
        await run();
        long before = GC.GetTotalAllocatedBytes(precise: true);
        await run();
        return GC.GetTotalAllocatedBytes(precise: true) - before;
    }

    private static async Task StepsAsync(NullStore store, AcquireRequest request, int cycles)
    {
        for (int i = 0; i < cycles; i++)
        {
            await store.TryAcquireAsync(request, default);
            await store.TryReleaseAsync(request.Key, request.HolderId, default);
        }
    }

    private static async Task LockAsync(ILock locks, string key, int cycles)
    {
        for (int i = 0; i < cycles; i++)
        {
            ILockHandle handle = await locks.LockAsync(key);
            await handle.UnlockAsync();
        }
    }
}
