using System.Globalization;
using System.Text;

namespace Locking.Bench.Redis;

/// <summary>One process of several that want one key. "TASKS SECONDS" makes it begin; it answers with the wait of each turn in microseconds.</summary>
internal static class HandOffWorker
{
    public static async Task RunAsync(int port)
    {
        await using var locks = BenchRedis.NewLock(port);
        await (await locks.LockAsync("warm-up")).DisposeAsync();
        Console.WriteLine("ready");
        while (await Console.In.ReadLineAsync() is { } line)
        {
            var parts = line.Split(' ');
            var waits = await TurnsAsync(locks, int.Parse(parts[0], CultureInfo.InvariantCulture), double.Parse(parts[1], CultureInfo.InvariantCulture));
            Console.WriteLine(new StringBuilder().AppendJoin(' ', waits.Select(static wait => wait.ToString("0", CultureInfo.InvariantCulture))).ToString());
        }
    }

    /// <summary>How long each turn was waited for, in microseconds.</summary>
    private static async Task<List<double>> TurnsAsync(StoreLock locks, int tasks, double seconds)
    {
        var waits = new List<double>();
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(seconds), TimeProvider.System);
        await Task.WhenAll(Enumerable.Range(0, tasks).Select(_ => Task.Run(async () =>
        {
            var mine = new List<double>();
            while (!stop.IsCancellationRequested)
            {
                var handle = await locks.LockAsync("handoff");
                mine.Add(handle.AcquireDelay.TotalMicroseconds);
                await handle.UnlockAsync();
            }

            lock (waits)
                waits.AddRange(mine);
        })));
        return waits;
    }
}
