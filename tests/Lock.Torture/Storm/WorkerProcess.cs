using System.Globalization;
using System.Runtime.InteropServices;

namespace Locking.Torture;

/// <summary>A worker in a process of its own: <c>worker NAME SEED KEYS TASKS TTL INSTANCES CLIENT HISTORY RESOURCE VARIETY</c>, with
/// LOCK_CONFIG. Does what its input says: <c>calm</c>, <c>stop</c>, <c>starve MS</c>, <c>collect MS</c>. Says <c>served</c> once it has had
/// its calm turns, and <c>stopped</c>.</summary>
internal static class WorkerProcess
{
    public static async Task<int> RunAsync(string[] words)
    {
        (string name, int seed, int keys, int tasks) = (words[0], Number(words[1]), Number(words[2]), Number(words[3]));
        (TimeSpan ttl, int instances) = (TimeSpan.FromMilliseconds(Number(words[4])), Number(words[5]));
        using var log = new FileLog(words[7]);
        using var resource = new ResourceClient(words[8]);
        var watchdog = new Watchdog(log, name);
        List<(ITortureClient Client, Worker Worker)> all = [];
        for (int i = 0; i < instances; i++)
        {
            ITortureClient client = await Clients.ConnectAsync(words[6]);
            all.Add((client,
                new Worker(new WorkerOptions(name, seed + i, keys, tasks, ttl) { Instance = i, Rest = TimeSpan.FromMilliseconds(3),
                    Variety = Number(words[9]) }, client, log, resource, watchdog)));
        }

        var closed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        bool isTerm = false;
        using var term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal =>
        {
            signal.Cancel = true;
            isTerm = true;
            stopped.TrySetResult();
        });
        var running = Task.WhenAll(all.Select(static one => one.Worker.RunAsync()));
        _ = new Thread(() =>
            Listen(all.ConvertAll(static one => one.Worker), stopped, closed, keys * tasks)) { IsBackground = true }.StartAnd();
        await stopped.Task;
        foreach ((ITortureClient Client, Worker Worker) one in all)
            one.Worker.Stop();
        await running;
        log.Add(new HistoryEvent(HistoryLog.Now, name, EventKind.Ended));
        Console.WriteLine("stopped");

        // Connections stand until the nemesis has looked at what is left.
        if (!isTerm)
            await closed.Task;
        foreach ((ITortureClient Client, Worker Worker) one in all)
            await one.Client.DisposeAsync();
        watchdog.Dispose();
        return 0;
    }

    private static void Listen(List<Worker> workers, TaskCompletionSource stopped, TaskCompletionSource closed, int turns)
    {
        while (Console.ReadLine() is { } line)
        {
            switch (line.Split(' '))
            {
                case ["calm"]:
                    workers.ForEach(static worker => worker.Calm());
                    _ = Task.Run(() => SayServedAsync(workers, turns));
                    break;
                case ["stop"]:
                    stopped.TrySetResult();
                    break;
                case ["starve", var time]:
                    Hurt.Starve(TimeSpan.FromMilliseconds(Number(time)));
                    break;
                case ["collect", var time]:
                    Hurt.Collect(TimeSpan.FromMilliseconds(Number(time)));
                    break;
            }
        }

        stopped.TrySetResult();
        closed.TrySetResult();
    }

    private static async Task SayServedAsync(List<Worker> workers, int turns)
    {
        while (workers.Exists(worker => worker.CalmTurns < turns))
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
        Console.WriteLine("served");
    }

    private static Thread StartAnd(this Thread thread)
    {
        thread.Start();
        return thread;
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}

/// <summary>What a process does to itself.</summary>
internal static class Hurt
{
    /// <summary>All threads of the pool block for a time.</summary>
    public static void Starve(TimeSpan time)
    {
        var end = new ManualResetEventSlim();
        for (int i = 0; i < 64; i++)
            ThreadPool.UnsafeQueueUserWorkItem(_ => end.Wait(), null);
        new Thread(() =>
        {
            using var never = new ManualResetEvent(initialState: false);
            never.WaitOne(time);
            end.Set();
        }) { IsBackground = true }.Start();
    }

    /// <summary>Garbage that lives for a while, and blocking collections of it.</summary>
    public static void Collect(TimeSpan time) => new Thread(() =>
    {
        var kept = new List<object>();
        for (long end = HistoryLog.Now + time.Ticks; HistoryLog.Now < end;)
        {
            for (int i = 0; i < 2000; i++)
                kept.Add(new byte[500]);
            if (kept.Count > 60_000)
                kept.Clear();
            GC.Collect(2, GCCollectionMode.Forced, blocking: true, compacting: true);
        }
    }) { IsBackground = true }.Start();
}
