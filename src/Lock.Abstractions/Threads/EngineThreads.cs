namespace Locking;

/// <summary>A few threads of the engine's own, for what must not wait for the thread pool: renewals, and the ends of waits whose time is up.</summary>
/// <remarks>
/// Started when they are needed, ended when they are idle. What runs here is short, unless a store blocks where it should not: so the pool helps as
/// well when all of them are busy. No user code runs here.
/// </remarks>
internal static class EngineThreads
{
    internal const int Most = 4;

    private static readonly TimeSpan Idleness = TimeSpan.FromSeconds(20);
    private static readonly object Gate = new();
    private static readonly Queue<IThreadPoolWorkItem> Waiting = new();
    private static int _threads;
    private static int _idle;

    /// <summary>Runs an item soon. It must not throw.</summary>
    public static void Queue(IThreadPoolWorkItem item)
    {
        bool start;
        bool askPool;
        lock (Gate)
        {
            Waiting.Enqueue(item);
            start = Waiting.Count > _idle && _threads < Most;
            askPool = Waiting.Count > _idle && !start;
            if (start)
                _threads++;
            else
                Monitor.Pulse(Gate);
        }

        if (askPool)
            ThreadPool.UnsafeQueueUserWorkItem(static _ => TakeOne()?.Execute(), null);
        if (start)
            new Thread(Run) { IsBackground = true, Name = "Lock engine", Priority = ThreadPriority.AboveNormal }.UnsafeStart();
    }

    private static void Run()
    {
        var thread = StoreThread.Become();
        while (TakeOneOrEnd() is { } item)
            thread.Run(item);
    }

    private static IThreadPoolWorkItem? TakeOne()
    {
        lock (Gate)
            return Waiting.TryDequeue(out var item) ? item : null;
    }

    private static IThreadPoolWorkItem? TakeOneOrEnd()
    {
        lock (Gate)
        {
            while (Waiting.Count == 0)
            {
                _idle++;
                var woken = Monitor.Wait(Gate, Idleness);
                _idle--;
                if (woken || Waiting.Count > 0)
                    continue;
                _threads--;
                return null;
            }

            return Waiting.Dequeue();
        }
    }
}
