using System.Globalization;
using System.Text.RegularExpressions;
using Locking.Conformance;
using Locking.Testing;

namespace Locking;

/// <summary>Many waiters on one key.</summary>
public sealed class QueueTests(EtcdFixture etcd) : IClassFixture<EtcdFixture>
{
    [Fact]
    public async Task Of_a_thousand_waiters_a_release_wakes_one()
    {
        const int Waiters = 1000;
        string key = Guid.NewGuid().ToString();
        await using ILockStore holder = etcd.NewStore();
        var held = new AcquireRequest(key, Guid.NewGuid().ToString(), "", TimeSpan.FromHours(10));
        Assert.True((await holder.TryAcquireAsync(held, CancellationToken.None)).IsGranted);
        await using ILockStore store = etcd.NewStore();
        using var stop = new CancellationTokenSource();
        int queued = 0;
        var waits = new List<Task<AcquireReply>>();
        for (int i = 0; i < Waiters; i++)
        {
            // So long that none of them has to keep its place alive meanwhile.
            var request = new AcquireRequest(key, Guid.NewGuid().ToString(), "", TimeSpan.FromHours(10))
            {
                Progress = new OnceQueued(() => Interlocked.Increment(ref queued)),
            };
            waits.Add(Task.Run(() => WaitAsync((IWaitingStore)store, request, stop.Token)));

            // A few at a time: a thousand requests at once would need longer than one request may take on a machine that is busy.
            int already = i - 20;
            await Eventually.TrueAsync(() => Volatile.Read(ref queued) >= already || waits.Exists(static wait => wait.IsCompleted),
                "places in the line");
        }

        await Eventually.TrueAsync(async () => await CountAsync("etcd_debugging_mvcc_watcher_total") >= Waiters, "a watch of each waiter");
        Assert.DoesNotContain(waits, static wait => wait.IsCompleted);
        double asked = await CountAsync("grpc_server_handled_total", "Txn"),
            kept = await CountAsync("grpc_server_handled_total", "LeaseKeepAlive");
        double told = await CountAsync("etcd_debugging_mvcc_events_total");
        Assert.Equal(StoreReply.Done, await holder.TryReleaseAsync(key, held.HolderId, CancellationToken.None));
        Task<AcquireReply> first = await Eventually.DoneAsync(Task.WhenAny(waits), "a grant");
        Assert.True((await first).IsGranted);

        // The reading of the one that it woke, and what follows of that.
        await Eventually.SettleAsync();
        Assert.InRange(await CountAsync("grpc_server_handled_total", "Txn") - asked, 1, 3);
        Assert.InRange(await CountAsync("grpc_server_handled_total", "LeaseKeepAlive") - kept, 0, 2);
        Assert.InRange(await CountAsync("etcd_debugging_mvcc_events_total") - told, 1, 4);
        Assert.Equal(1, waits.Count(static wait => wait.IsCompleted));
        Assert.Equal(Waiters, queued);

        await stop.CancelAsync();
        foreach (Task<AcquireReply> wait in waits.Where(wait => wait != first))
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Eventually.DoneAsync(wait, "a cancelled wait"));
        await Eventually.TrueAsync(
            async () => (await etcd.Server.ControlAsync("get", "--prefix", "--keys-only", $"lock:{key}/"))
                .Split('\n', StringSplitOptions.RemoveEmptyEntries).Length == 1,
            "only the holder's place is left");
    }

    /// <summary>A server that is short of time refuses a request; the same holder asks again then, as the engine does.</summary>
    private static async Task<AcquireReply> WaitAsync(IWaitingStore store, AcquireRequest request, CancellationToken stop)
    {
        while (true)
        {
            try
            {
                return await store.AcquireAsync(request, Timeout.InfiniteTimeSpan, stop);
            }
            catch (LockStoreException exception) when (exception.IsTransient && !stop.IsCancellationRequested)
            {
            }
        }
    }

    private async Task<double> CountAsync(string name, string method = "")
    {
        using var client = new System.Net.Http.HttpClient();
        string metrics = await client.GetStringAsync(new Uri($"{etcd.Server.Url}/metrics"));
        return Regex.Matches(metrics, $"^{name}({{[^}}]*}})? ([0-9.e+]+)$", RegexOptions.Multiline)
            .Where(match => match.Groups[1].Value.Contains(method, StringComparison.Ordinal))
            .Sum(match => double.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture));
    }

    private sealed class OnceQueued(Action queued) : IWaitProgress
    {
        private int _told;

        public void OnQueued()
        {
            if (Interlocked.Exchange(ref _told, 1) == 0)
                queued();
        }
    }
}
