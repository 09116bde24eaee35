using System.Globalization;
using System.IO.MemoryMappedFiles;

namespace Locking.Bench.Redis;

/// <summary>One process of several that want one key. "TASKS SECONDS" makes it begin; it answers with how often it took over from another
/// process, how often one of its tasks took over from another task of any process, and then with the wait of each turn in
/// microseconds.</summary>
internal static class HandOffWorker
{
    public static async Task RunAsync(Func<Task<ILockLibrary>> connect, string map, int number)
    {
        // Shared by all workers: who was the last to hold the lock.
        using var shared = MemoryMappedFile.CreateFromFile(map, FileMode.Open, null, 4096);
        using MemoryMappedViewAccessor view = shared.CreateViewAccessor(0, 4096);
        await using ILockLibrary locks = await connect();
        await using (await locks.TakeAsync("warm-up"))
        {
        }

        Console.WriteLine("ready");
        while (await Console.In.ReadLineAsync() is { } line)
        {
            string[] parts = line.Split(' ');
            (int changes, int hands, List<double> waits) =
                await TurnsAsync(locks, view, number, int.Parse(parts[0], CultureInfo.InvariantCulture),
                double.Parse(parts[1], CultureInfo.InvariantCulture));
            Console.WriteLine(
                string.Join(' ',
                    waits.Select(static wait => wait.ToString("0", CultureInfo.InvariantCulture))
                        .Prepend(hands.ToString(CultureInfo.InvariantCulture)).Prepend(changes.ToString(CultureInfo.InvariantCulture))));
        }
    }

    private static async Task<(int Changes, int Hands, List<double> Waits)> TurnsAsync(
        ILockLibrary locks, MemoryMappedViewAccessor view, int number, int tasks, double seconds)
    {
        var waits = new List<double>();
        int changes = 0;
        int hands = 0;
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(seconds), TimeProvider.System);
        await Task.WhenAll(Enumerable.Range(0, tasks).Select(task => Task.Run(async () =>
        {
            var mine = new List<double>();
            while (!stop.IsCancellationRequested)
            {
                long asked = TimeProvider.System.GetTimestamp();
                await using (await locks.TakeAsync("handoff"))
                {
                    mine.Add(TimeProvider.System.GetElapsedTime(asked).TotalMicroseconds);
                    // Under the lock, so that nobody else is here.
                    if (view.ReadInt32(0) != number)
                        Interlocked.Increment(ref changes);
                    view.Write(0, number);
                    int hand = (number * 1000) + task;
                    if (view.ReadInt32(4) != hand)
                        Interlocked.Increment(ref hands);
                    view.Write(4, hand);
                }
            }

            lock (waits)
                waits.AddRange(mine);
        })));
        return (changes, hands, waits);
    }
}
