using Locking.Bench.Redis;

namespace Locking.Bench.Curves;

/// <summary>What it costs to give a lock back and to take it again, when ever more keys are held.</summary>
/// <remarks>One task; the keys come in an order that no cache knows. Each library has the settings that it comes with.</remarks>
internal static class KeysCurve
{
    /// <summary>How many are taken and given back at once before and after: only to be done sooner.</summary>
    private const int AtOnce = 64;

    /// <summary>A prime that is no part of any number of keys here: steps of it meet each key once before any of them again.</summary>
    private const int Step = 7919;

    private static readonly int[] s_keys = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000];

    public static async Task<Chart> MeasureAsync(TimeSpan window)
    {
        List<Series> all = [];
        await AddAsync("in memory", static () => Task.FromResult<ILockLibrary>(new MemoryLibrary()), 1_000_000);
        await AddAsync(
            "SemaphoreSlim for each", static () => Task.FromResult<ILockLibrary>(new SemaphoreLibrary()), 1_000_000, isPeer: true);
        await using BenchRedis redis = await BenchRedis.StartAsync();
        foreach (string name in RedisLibrary.All.Reverse())
        {
            await AddAsync(WaitersCurve.NameOf(name), async () => await RedisLibrary.ConnectAsync(name, [redis.Port]), 100_000,
                name != RedisLibrary.Ours);
        }

        return new Chart("keys", "Many keys: unlock + lock of one of them, by how many are held", "keys that are held",
            "µs for an unlock and a lock", all);

        async Task AddAsync(string name, Func<Task<ILockLibrary>> connect, int most, bool isPeer = false)
        {
            List<Point> points = [];
            foreach (int keys in s_keys.Where(keys => keys <= most))
            {
                // A library of its own each time, so that nothing is left of what was held before.
                await using ILockLibrary library = await connect();
                double each = await CycleAsync(library, [.. Enumerable.Range(0, keys).Select(i => $"{name}/{i}")], window);
                await Console.Error.WriteLineAsync($"{name}, {keys} keys: {each:0.###} µs");
                points.Add(new Point(keys, each));
            }

            all.Add(new Series(name, points, isPeer));
        }
    }

    /// <summary>Microseconds for an unlock and a lock of one of the keys, all of which are held.</summary>
    private static async Task<double> CycleAsync(ILockLibrary library, string[] keys, TimeSpan window)
    {
        IAsyncDisposable[] held = new IAsyncDisposable[keys.Length];
        await EachAsync(async i => held[i] = await library.TakeAsync(keys[i]));
        int at = 0;
        await TurnsAsync(window / 4);
        double each = await TurnsAsync(window / 2);
        await EachAsync(async i => await held[i].DisposeAsync());
        return each;

        async Task<double> TurnsAsync(TimeSpan time)
        {
            long start = TimeProvider.System.GetTimestamp();
            long turns = 0;
            TimeSpan took;
            do
            {
                // The clock is read now and then only: a cycle in memory takes little more than it.
                for (int i = 0; i < 16; i++)
                {
                    at = (int)(((long)at + Step) % keys.Length);
                    await held[at].DisposeAsync();
                    held[at] = await library.TakeAsync(keys[at]);
                }

                turns += 16;
                took = TimeProvider.System.GetElapsedTime(start);
            }
            while (took < time);

            return took.TotalMicroseconds / turns;
        }

        Task EachAsync(Func<int, Task> act) => Task.WhenAll(Enumerable.Range(0, AtOnce).Select(lane => Task.Run(async () =>
        {
            for (int i = lane; i < keys.Length; i += AtOnce)
                await act(i);
        })));
    }
}
