using System.Globalization;

namespace Locking.Soak;

/// <summary>One process of our own client: eight tasks that take turns on a few keys,
/// and say so with the system's monotonic time.</summary>
internal static class Worker
{
    public const int Keys = 3;

    private static readonly Lock s_gate = new();
    private static readonly StreamWriter s_output = new(Console.OpenStandardOutput()) { AutoFlush = true };

    public static async Task<int> RunAsync(string path, int seed)
    {
        await using var locks = new StoreLock(new BrokerLockStore(new BrokerLockSettings { Path = path }),
            new LockOptions { Ttl = TimeSpan.FromSeconds(2), AutoRenew = true });
        using var stop = new CancellationTokenSource();
        var tasks = Enumerable.Range(0, 8)
            .Select(task => Task.Run(() => TurnsAsync(locks, new Random((seed * 100) + task), task, stop.Token))).ToList();
        while (await Console.In.ReadLineAsync() is not null)
        {
            // Only its end counts.
        }

        await stop.CancelAsync();
        await Task.WhenAll(tasks);
        return 0;
    }

    public static async Task<int> ServeAsync(string path)
    {
        await using var server = new BrokerServer(new BrokerServerOptions { Path = path, Host = "127.0.0.1", Port = 0 });
        if (!server.TryStart())
            return 1;
        Say(server.Port.ToString(CultureInfo.InvariantCulture));
        while (await Console.In.ReadLineAsync() is not null)
        {
            // Only its end counts.
        }

        return 0;
    }

    private static async Task TurnsAsync(StoreLock locks, Random random, int task, CancellationToken stop)
    {
        for (int turn = 0; !stop.IsCancellationRequested; turn++)
        {
            string key = $"soak/{random.Next(Keys)}";
            string id = $"{task}.{turn}";
            Tell("ask", key, id);
            try
            {
                ILockHandle handle = await locks.LockAsync(key, cancellationToken: stop);
                Tell("got", key, id);
                if (random.Next(4) == 0)
                    await Task.Delay(TimeSpan.FromMilliseconds(random.Next(30)), TimeProvider.System, CancellationToken.None);
                else
                    await Task.Yield();
                await handle.DisposeAsync();
            }
            catch (Exception e) when (e is LockStoreException or OperationCanceledException)
            {
                // It asks again.
            }

            Tell("end", key, id);
        }
    }

    private static void Tell(string what, string key, string id) =>
        Say(string.Create(CultureInfo.InvariantCulture, $"{what} {TimeProvider.System.GetElapsedTime(0).Ticks} {key} {id}"));

    private static void Say(string line)
    {
        lock (s_gate)
            s_output.WriteLine(line);
    }
}
