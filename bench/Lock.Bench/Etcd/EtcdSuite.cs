using Locking.Etcd;
using Locking.Testing;

namespace Locking.Bench.Etcd;

/// <summary>The row of the etcd backend: against the three requests of <c>etcdctl lock</c>, a lease, a transaction and the lease's end,
/// over the same client.</summary>
/// <remarks>Runs on a member of the tests' own, whose data is in memory: a disk would only make the client's part smaller.</remarks>
internal sealed class EtcdSuite : IBenchSuite
{
    private const int Cycles = 40;

    public async Task RunAsync(BenchReport report, int rounds)
    {
        await using EtcdServer server = await EtcdServer.StartAsync();
        var settings = new EtcdSettings { Members = [new Uri(server.Url)] };
        await using ILockLibrary raw = EtcdLibrary.Connect(EtcdLibrary.Raw, settings.Members[0]);
        await using var alone = new EtcdLockStore(settings, TimeProvider.System);
        await using ILock locks = new StoreLock(new EtcdLockStore(settings, TimeProvider.System));
        ComparisonResult result = await new Comparison()
            .Add("raw grant + txn, then revoke", n => raw.CycleAsync("raw", n))
            .Add("lock + unlock", n => LockAsync(locks, "orders", n))
            .Add("the store alone", n => StoreAsync(alone, "orders/42", n))
            .RunAsync(rounds, Cycles);
        report.AtMost("etcd, uncontended, lock + unlock", result.Ratio(1), 1.3, "×", result.Describe());
        report.AtMost("the same, without the engine", result.Ratio(2), 1.3, "×", "the provider's three requests");
    }

    private static async Task LockAsync(ILock locks, string key, int operations)
    {
        for (int i = 0; i < operations; i++)
        {
            ILockHandle handle = await locks.LockAsync(key);
            await handle.UnlockAsync();
        }
    }

    private static async Task StoreAsync(EtcdLockStore store, string key, int operations)
    {
        for (int i = 0; i < operations; i++)
        {
            var request = new AcquireRequest(key, Guid.NewGuid().ToString(), "bench", TimeSpan.FromSeconds(30));
            await store.TryAcquireAsync(request, CancellationToken.None);
            await store.TryReleaseAsync(key, request.HolderId, CancellationToken.None);
        }
    }
}
