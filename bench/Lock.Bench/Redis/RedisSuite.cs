using System.Globalization;
using StackExchange.Redis;

namespace Locking.Bench.Redis;

/// <summary>The Redis and RedLock rows: against raw round trips of the same client in the same run.</summary>
internal sealed class RedisSuite : IBenchSuite
{
    private const int Cycles = 500;
    private const int Keys = 64;
    private const int Parked = 8;

    public async Task RunAsync(BenchReport report, int rounds)
    {
        await using var server = await BenchRedis.StartAsync();
        await UncontendedAsync(report, server, rounds);
        await ManyKeysAsync(report, server, rounds);
        await HandOffAsync(report, server);
        await WakeUpAsync(report, server);
        await QuorumAsync(report, rounds, trouble: null);
        await QuorumAsync(report, rounds, trouble: "dead");
        await QuorumAsync(report, rounds, trouble: "frozen");
    }

    private static async Task UncontendedAsync(BenchReport report, BenchRedis server, int rounds)
    {
        var raw = await server.RawAsync();
        var release = await RawCycle.LoadAsync(raw, server.Port);
        await using var locks = server.NewLock();
        var result = await new Comparison()
            .Add("raw", n => RawCycle.RunAsync(raw, release, "raw", n))
            .Add("lock + unlock", n => LockAsync(locks, "ours", n))
            .RunAsync(rounds, Cycles);
        report.AtMost("redis, one task", result.Ratio(1), 1.1, "×", result.Describe());
    }

    private static async Task ManyKeysAsync(BenchReport report, BenchRedis server, int rounds)
    {
        var raw = await server.RawAsync();
        var release = await RawCycle.LoadAsync(raw, server.Port);
        await using var locks = server.NewLock();
        var result = await new Comparison()
            .Add("raw", n => AllAsync((i, share) => RawCycle.RunAsync(raw, release, $"raw/{i}", share), n))
            .Add("lock + unlock", n => AllAsync((i, share) => LockAsync(locks, $"ours/{i}", share), n))
            .RunAsync(rounds, Keys * 50);
        report.AtLeast("redis, 64 tasks on 64 keys, throughput", 1 / result.Ratio(1), 0.85, "×", result.Describe());
    }

    /// <summary>One key, four clients with two tasks each and an empty section. The clients have connections of their own, as processes do.</summary>
    private static async Task HandOffAsync(BenchReport report, BenchRedis server)
    {
        var clients = Enumerable.Range(0, 4).Select(_ => server.NewLock()).ToList();
        var counts = new int[4];
        var waits = new List<double>();
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(4), TimeProvider.System);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(task => Task.Run(async () =>
        {
            var mine = new List<double>();
            while (!stop.IsCancellationRequested)
            {
                var handle = await clients[task % 4].LockAsync("handoff");
                mine.Add(handle.AcquireDelay.TotalMilliseconds);
                Interlocked.Increment(ref counts[task % 4]);
                await handle.UnlockAsync();
            }

            lock (waits)
                waits.AddRange(mine);
        })));
        waits.Sort();
        var details = string.Create(
            CultureInfo.InvariantCulture,
            $"p50 {waits[waits.Count / 2]:0.0} ms, p99 {waits[waits.Count * 99 / 100]:0.0} ms, max {waits[^1]:0} ms, clients {string.Join('/', counts)}");
        report.AtLeast("redis, one key, 4 clients × 2 tasks, hand-offs", counts.Sum() / 4.0, 3000, "/s", details);
        report.AtMost("redis, one key, 4 clients × 2 tasks, p99 wait", waits[waits.Count * 99 / 100], 20, " ms", details);
        report.AtLeast("redis, one key, 4 clients × 2 tasks, least/most share", counts.Min() / (double)counts.Max(), 0.8, "", details);
        foreach (var client in clients)
            await client.DisposeAsync();
    }

    /// <summary>Eight clients are parked; the lock is released: how long until the first has it, in raw round trips.</summary>
    private static async Task WakeUpAsync(BenchReport report, BenchRedis server)
    {
        var raw = await server.RawAsync();
        var clients = Enumerable.Range(0, Parked).Select(_ => server.NewLock()).ToList();
        await using var holder = server.NewLock();
        var wakes = new List<double>();
        var pings = new List<double>();
        for (var round = 0; round < 60; round++)
        {
            var handle = await holder.LockAsync("parked");
            using var stop = new CancellationTokenSource();
            var waiting = clients.ConvertAll(client => client.LockAsync("parked", cancellationToken: stop.Token).AsTask());
            await Task.Delay(TimeSpan.FromMilliseconds(30), TimeProvider.System);
            for (var i = 0; i < 20; i++)
            {
                var before = TimeProvider.System.GetTimestamp();
                await raw.PingAsync();
                pings.Add(TimeProvider.System.GetElapsedTime(before).TotalMicroseconds);
            }

            var start = TimeProvider.System.GetTimestamp();
            _ = handle.UnlockAsync().AsTask();
            await Task.WhenAny(waiting);
            wakes.Add(TimeProvider.System.GetElapsedTime(start).TotalMicroseconds);
            await stop.CancelAsync();
            foreach (var waiter in waiting)
            {
                try
                {
                    await (await waiter).DisposeAsync();
                }
                catch (OperationCanceledException)
                {
                    // Not its turn.
                }
            }
        }

        wakes.Sort();
        pings.Sort();
        var trip = pings[pings.Count / 2];
        report.AtMost(
            "redis, 8 parked waiters, first has it after", wakes[wakes.Count / 2] / trip, 5, " round trips",
            string.Create(CultureInfo.InvariantCulture, $"{wakes[wakes.Count / 2]:0} µs, round trip {trip:0} µs"));
        foreach (var client in clients)
            await client.DisposeAsync();
    }

    private static async Task QuorumAsync(BenchReport report, int rounds, string? trouble)
    {
        var servers = new List<BenchRedis>();
        try
        {
            for (var i = 0; i < 3; i++)
                servers.Add(await BenchRedis.StartAsync());
            var raw = await servers[0].RawAsync();
            var release = await RawCycle.LoadAsync(raw, servers[0].Port);
            await using var locks = new StoreLock(new RedLockLockProvider().CreateStore(
                new LockConfig
                {
                    Connection = new LockConnection { Endpoints = servers.ConvertAll(server => new LockConnection { Port = server.Port }) },
                    LockOptions = new LockOptions(),
                },
                LockProviderContext.Default));
            await LockAsync(locks, "ours", 100);
            if (trouble == "dead")
                servers[2].Kill();
            else if (trouble == "frozen")
                servers[2].Signal("-STOP");
            if (trouble is not null)
                await LockAsync(locks, "ours", 2000);
            var result = await new Comparison()
                .Add("raw, one server", n => RawCycle.RunAsync(raw, release, "raw", n))
                .Add("lock + unlock", n => LockAsync(locks, "ours", n))
                .RunAsync(rounds, Cycles);
            var what = trouble is null ? "redLock, 3 nodes" : $"redLock, 3 nodes, one {trouble}";
            report.AtMost(what, result.Ratio(1), 2, "×", result.Describe());
        }
        finally
        {
            foreach (var server in servers)
                await server.DisposeAsync();
        }
    }

    private static async Task LockAsync(StoreLock locks, string key, int cycles)
    {
        for (var i = 0; i < cycles; i++)
        {
            var handle = await locks.LockAsync(key);
            await handle.UnlockAsync();
        }
    }

    private static Task AllAsync(Func<int, int, Task> run, int operations) =>
        Task.WhenAll(Enumerable.Range(0, Keys).Select(i => Task.Run(() => run(i, operations / Keys))));
}
