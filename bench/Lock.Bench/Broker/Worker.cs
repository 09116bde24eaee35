using System.Globalization;
using System.IO.MemoryMappedFiles;

namespace Locking.Bench.Broker;

/// <summary>One process of several that want one key. "TASKS SECONDS" makes it begin; it answers with
/// "turns overlaps p50 p99 max", the last three in milliseconds of waiting.</summary>
internal static class Worker
{
    public static async Task RunAsync(string path, string map)
    {
        // Shared by all workers: how many are inside. More than one is an overlap.
        using var shared = MemoryMappedFile.CreateFromFile(map, FileMode.Open, null, 4096);
        using MemoryMappedViewAccessor view = shared.CreateViewAccessor(0, 4096);
        await using var locks = new StoreLock(new BrokerLockStore(new BrokerLockSettings { Path = path }),
            new LockOptions { WaitTimeout = TimeSpan.FromSeconds(60) });
        await (await locks.LockAsync("warm-up")).DisposeAsync();
        Console.WriteLine("ready");
        while (await Console.In.ReadLineAsync() is { } line)
        {
            string[] parts = line.Split(' ');
            Console.WriteLine(await TurnsAsync(locks, view, int.Parse(parts[0]), double.Parse(parts[1], CultureInfo.InvariantCulture)));
        }
    }

    private static async Task<string> TurnsAsync(StoreLock locks, MemoryMappedViewAccessor view, int tasks, double seconds)
    {
        var waits = new List<double>();
        int overlaps = 0;
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(seconds), TimeProvider.System);
        await Task.WhenAll(Enumerable.Range(0, tasks).Select(_ => Task.Run(async () =>
        {
            var mine = new List<double>();
            while (!stop.IsCancellationRequested)
            {
                ILockHandle handle = await locks.LockAsync("contended");
                mine.Add(handle.AcquireDelay.TotalMilliseconds);
                if (Inside(view, 1) != 1)
                    Interlocked.Increment(ref overlaps);
                Inside(view, -1);
                await handle.UnlockAsync();
            }

            lock (waits)
                waits.AddRange(mine);
        })));
        waits.Sort();
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{waits.Count} {overlaps} {waits[waits.Count / 2]:0.###} {waits[waits.Count * 99 / 100]:0.###} {waits[^1]:0.###}");
    }

    private static unsafe int Inside(MemoryMappedViewAccessor view, int change)
    {
        byte* start = null;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        try
        {
            return Interlocked.Add(ref *(int*)start, change);
        }
        finally
        {
            view.SafeMemoryMappedViewHandle.ReleasePointer();
        }
    }
}
