using System.Globalization;

namespace Locking.Bench.Broker;

/// <summary>What much of something costs the broker: keys, waiters, connections.</summary>
internal static class BrokerSizes
{
    private const int Keys = 50_000;
    private const int Waiters = 10_000;
    private const int Connections = 1_000;

    public static async Task MeasureAsync(BenchReport report, BenchChild broker, string path)
    {
        await HeldKeysAsync(report, broker, path);
        await WaitersAsync(report, broker, path);
        await ConnectionsAsync(report, broker, path);
    }

    private static async Task HeldKeysAsync(BenchReport report, BenchChild broker, string path)
    {
        double before = await broker.AskNumberAsync("memory");
        await using BrokerLockStore store = NewStore(path);
        long start = TimeProvider.System.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, Keys).Select(i => store.TryAcquireAsync(Request($"held/{i}"), default).AsTask()));
        double took = TimeProvider.System.GetElapsedTime(start).TotalMilliseconds;
        double bytes = (await broker.AskNumberAsync("memory") - before) / Keys;
        report.AtMost(
            "broker, held key", bytes, 700, " bytes",
            string.Create(CultureInfo.InvariantCulture, $"{Keys} keys over one connection in {took:0} ms"));
    }

    private static async Task WaitersAsync(BenchReport report, BenchChild broker, string path)
    {
        await using BrokerLockStore holder = NewStore(path);
        await holder.TryAcquireAsync(Request("crowded", "holder"), default);
        await using BrokerLockStore store = NewStore(path);
        await store.GetAsync("crowded", default);
        double before = await broker.AskNumberAsync("memory");
        var waiting = Enumerable.Range(0, Waiters).Select(i => WaitAsync(store, $"waiter {i}")).ToList();
        for (int i = 0; i < 2; i++)
            await store.GetAsync("crowded", default); // answered after all that was sent before
        double bytes = (await broker.AskNumberAsync("memory") - before) / Waiters;
        long start = TimeProvider.System.GetTimestamp();
        await holder.TryReleaseAsync("crowded", "holder", default);
        await Task.WhenAll(waiting);
        double each = TimeProvider.System.GetElapsedTime(start).TotalMicroseconds / Waiters;
        report.AtMost("broker, waiter", bytes, 700, " bytes", string.Create(CultureInfo.InvariantCulture, $"{Waiters} waiters on one key"));
        report.AtMost($"broker, {Waiters} waiters on one key, a hand-off", each, 100, " µs", "until all have had it, one after the other");
    }

    private static async Task WaitAsync(BrokerLockStore store, string id)
    {
        AcquireReply reply = await store.AcquireAsync(Request("crowded", id), TimeSpan.FromMinutes(2), default);
        if (!reply.IsGranted)
            throw new InvalidOperationException($"{id} did not get its turn.");
        await store.TryReleaseAsync("crowded", id, default);
    }

    private static async Task ConnectionsAsync(BenchReport report, BenchChild broker, string path)
    {
        double before = await broker.AskNumberAsync("memory");
        var stores = Enumerable.Range(0, Connections).Select(_ => NewStore(path)).ToList();
        await Task.WhenAll(stores.Select((store, i) => CycleAsync(store, i)));
        double bytes = (await broker.AskNumberAsync("memory") - before) / Connections;
        long start = TimeProvider.System.GetTimestamp();
        for (int round = 0; round < 5; round++)
            await Task.WhenAll(stores.Select((store, i) => CycleAsync(store, i)));
        double each = TimeProvider.System.GetElapsedTime(start).TotalMicroseconds / (5 * Connections);
        report.AtMost(
            $"broker, {Connections} connections, each", bytes / 1024, 64, " KiB",
            string.Create(CultureInfo.InvariantCulture, $"a cycle over all of them at once: {each:0} µs each"));
        foreach (BrokerLockStore? store in stores)
            await store.DisposeAsync();
    }

    private static async Task CycleAsync(BrokerLockStore store, int number)
    {
        AcquireRequest request = Request($"connection/{number}");
        await store.TryAcquireAsync(request, default);
        await store.TryReleaseAsync(request.Key, request.HolderId, default);
    }

    private static BrokerLockStore NewStore(string path) =>
        new(new BrokerLockSettings { Path = path, CommandTimeout = TimeSpan.FromSeconds(30), ConnectTimeout = TimeSpan.FromSeconds(30) });

    private static AcquireRequest Request(string key, string? id = null) =>
        new(key, id ?? Guid.NewGuid().ToString("N"), "bench", TimeSpan.FromMinutes(5));
}
