namespace Locking;

/// <summary>A few threads of the engine's own, for what must not wait for the thread pool: renewals, and the ends of waits whose time is
/// up.</summary>
/// <remarks>
/// Started when they are needed, ended when they are idle. What runs here is short, unless a store blocks where it should not: so the pool
/// helps as well when all of them are busy. No user code runs here.
/// </remarks>
internal static class EngineThreads
{
    internal const int Most = 4;

    private static readonly TimeSpan s_idleness = TimeSpan.FromSeconds(20);
    private static readonly object s_gate = new();
    private static readonly Queue<IThreadPoolWorkItem> s_waiting = new();
    private static int s_threads;
    private static int s_idle;

    /// <summary>Runs an item soon. It must not throw.</summary>
    public static void Queue(IThreadPoolWorkItem item)
    {
        bool start;
        bool askPool;
        lock (s_gate)
        {
            s_waiting.Enqueue(item);
            start = s_waiting.Count > s_idle && s_threads < Most;
            askPool = s_waiting.Count > s_idle && !start;
            if (start)
                s_threads++;
            else
                Monitor.Pulse(s_gate);
        }

        if (askPool)
            ThreadPool.UnsafeQueueUserWorkItem(static _ => TakeOne()?.Execute(), null);
        if (start)
            new Thread(Run) { IsBackground = true, Name = "Lock engine", Priority = ThreadPriority.AboveNormal }.UnsafeStart();
    }

    private static void Run()
    {
        StoreThread thread = StoreThread.Become();
        while (TakeOneOrEnd() is { } item)
            thread.Run(item);
    }

    private static IThreadPoolWorkItem? TakeOne()
    {
        lock (s_gate)
            return s_waiting.TryDequeue(out IThreadPoolWorkItem? item) ? item : null;
    }

    private static IThreadPoolWorkItem? TakeOneOrEnd()
    {
        lock (s_gate)
        {
            while (s_waiting.Count == 0)
            {
                s_idle++;
                bool woken = Monitor.Wait(s_gate, s_idleness);
                s_idle--;
                if (woken || s_waiting.Count > 0)
                    continue;
                s_threads--;
                return null;
            }

            return s_waiting.Dequeue();
        }
    }
}
