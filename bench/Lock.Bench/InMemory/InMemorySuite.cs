using System.Globalization;

namespace Locking.Bench.InMemory;

/// <summary>The in-memory rows: against a bare <see cref="SemaphoreSlim"/>, with all that a lock has besides (ttl, token, owner,
/// renewal).</summary>
internal sealed class InMemorySuite : IBenchSuite
{
    private const int Uncontended = 100_000;
    private const int Contended = 16_000;
    private const int Tasks = 8;
    private const int ManyKeys = 100_000;
    private const int HeldKeys = 1_000_000;

    public async Task RunAsync(BenchReport report, int rounds)
    {
        await OneKeyAsync(report, rounds);
        await ManyKeysAsync(report, rounds);
        await AllocationsAsync(report);
        await ContendedAsync(report, rounds);
        await HeldKeysAsync(report);
    }

    private static async Task OneKeyAsync(BenchReport report, int rounds)
    {
        await using ILock locks = new InMemoryLock();
        using var semaphore = new SemaphoreSlim(1);
        ComparisonResult result = await new Comparison()
            .Add("SemaphoreSlim", n => SemaphoreAsync(semaphore, n))
            .Add("lock + unlock", n => UnlockAsync(locks, "orders/42", n))
            .Add("await using", n => UsingAsync(locks, "orders/42", n))
            .RunAsync(rounds, Uncontended);
        report.AtMost("in-memory, one key, lock + unlock", result.Ratio(1), 3, "×", result.Describe());
        report.AtMost("in-memory, one key, await using", result.Ratio(2), 3, "×", result.Describe());
    }

    private static async Task ManyKeysAsync(BenchReport report, int rounds)
    {
        await using ILock locks = new InMemoryLock();
        using var semaphore = new SemaphoreSlim(1);
        string[] keys = Enumerable.Range(0, ManyKeys).Select(i => $"orders/{i}").ToArray();
        ComparisonResult result = await new Comparison()
            .Add("SemaphoreSlim", n => SemaphoreAsync(semaphore, n))
            .Add("lock + unlock", n => KeysAsync(locks, keys, n))
            .RunAsync(rounds, Uncontended);
        report.AtMost("in-memory, 100,000 keys, lock + unlock", result.Ratio(1), 3, "×", result.Describe());
    }

    private static async Task AllocationsAsync(BenchReport report)
    {
        await using ILock locks = new InMemoryLock();
        UnlockAsync(locks, "orders/42", 1000).GetAwaiter().GetResult();
        long before = GC.GetAllocatedBytesForCurrentThread();
        Task task = UnlockAsync(locks, "orders/42", 1000);
        double bytes = (GC.GetAllocatedBytesForCurrentThread() - before) / 1000d;
        await task;

        // The handle is the smaller of the two objects: nothing but a reference to the lease.
        report.AtMost("in-memory, allocated for one lock", bytes, 200, " bytes", "one handle and one lease");
    }

    private static async Task ContendedAsync(BenchReport report, int rounds)
    {
        await using ILock locks = new InMemoryLock();
        using var semaphore = new SemaphoreSlim(1);
        ComparisonResult result = await new Comparison()
            .Add("SemaphoreSlim", n => AllAsync(n, share => ContendedSemaphoreAsync(semaphore, share)))
            .Add("lock + unlock", n => AllAsync(n, share => ContendedLockAsync(locks, "orders/42", share)))
            .RunAsync(rounds, Contended);
        report.AtMost("in-memory, 8 tasks on one key", result.Ratio(1), 1.4, "×", result.Describe());
    }

    private static async Task HeldKeysAsync(BenchReport report)
    {
        await using ILock locks = new InMemoryLock();
        string[] keys = Enumerable.Range(0, HeldKeys).Select(i => string.Create(CultureInfo.InvariantCulture, $"orders/{i}")).ToArray();
        var handles = new ILockHandle[HeldKeys];
        long before = GC.GetTotalMemory(forceFullCollection: true);
        for (int i = 0; i < HeldKeys; i++)
            handles[i] = await locks.LockAsync(keys[i]);
        double bytes = (double)(GC.GetTotalMemory(forceFullCollection: true) - before) / HeldKeys;
        GC.KeepAlive(keys);
        report.AtMost("1,000,000 held in-memory keys, each", bytes, 300, " bytes", "beyond the key string and the array of handles");
        foreach (ILockHandle handle in handles)
            await handle.UnlockAsync();
        double left = (double)(GC.GetTotalMemory(forceFullCollection: true) - before) / HeldKeys;
        report.AtMost("the same, all given back (handles kept)", left, 200, " bytes",
            "the handles and leases, which the array still holds");
        Array.Clear(handles);
        left = (double)(GC.GetTotalMemory(forceFullCollection: true) - before) / HeldKeys;
        report.AtMost("the same, handles let go", left, 1, " bytes", "nothing is kept of idle keys");
    }

    private static Task AllAsync(int operations, Func<int, Task> run) =>
        Task.WhenAll(Enumerable.Range(0, Tasks).Select(_ => Task.Run(() => run(operations / Tasks))));

    private static async Task SemaphoreAsync(SemaphoreSlim semaphore, int operations)
    {
        for (int i = 0; i < operations; i++)
        {
            await semaphore.WaitAsync();
            semaphore.Release();
        }
    }

    // The section gives its thread away, as real ones do: otherwise the tasks run one after the other and nobody ever waits.
    private static async Task ContendedSemaphoreAsync(SemaphoreSlim semaphore, int operations)
    {
        for (int i = 0; i < operations; i++)
        {
            await semaphore.WaitAsync();
            await Task.Yield();
            semaphore.Release();
        }
    }

    private static async Task ContendedLockAsync(ILock locks, string key, int operations)
    {
        for (int i = 0; i < operations; i++)
        {
            ILockHandle handle = await locks.LockAsync(key);
            await Task.Yield();
            await handle.UnlockAsync();
        }
    }

    private static async Task UnlockAsync(ILock locks, string key, int operations)
    {
        for (int i = 0; i < operations; i++)
        {
            ILockHandle handle = await locks.LockAsync(key);
            await handle.UnlockAsync();
        }
    }

    private static async Task UsingAsync(ILock locks, string key, int operations)
    {
        for (int i = 0; i < operations; i++)
        {
            await using ILockHandle handle = await locks.LockAsync(key);
        }
    }

    private static async Task KeysAsync(ILock locks, string[] keys, int operations)
    {
        for (int i = 0, key = 0; i < operations; i++)
        {
            ILockHandle handle = await locks.LockAsync(keys[key]);
            await handle.UnlockAsync();
            if (++key == keys.Length)
                key = 0;
        }
    }
}
