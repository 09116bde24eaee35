namespace Locking.Providers;

/// <summary>One of the engine's own threads, for a store that can do without the thread pool.</summary>
/// <remarks>
/// <para>
/// Renewals are asked for on such threads, so that a lease does not depend on what else a program does on the thread pool. What follows the
/// answer to such a request is the engine's code alone, short and never blocking: a store may go on with it on whatever thread has read the
/// answer (<see cref="Continue"/>). After any other request may come a caller's code, which belongs on the pool.
/// </para>
/// <para>
/// The runtime hands a continuation to the pool when an answer comes before the asking thread has begun to wait for it. So an answer goes
/// on only once that thread has let go of the request.
/// </para>
/// </remarks>
public sealed class StoreThread
{
    [ThreadStatic]
    private static StoreThread? s_current;

    private readonly Lock _gate = new();

    private StoreThread()
    {
    }

    /// <summary>The calling thread, where it is one of the engine's; else null. To be remembered with the request when it is
    /// made.</summary>
    public static StoreThread? Current => s_current;

    /// <summary>Goes on with the answer to a request of this thread, here and now, once the thread has let go of it.</summary>
    /// <param name="answer">Completes what the request waits for.</param>
    /// <param name="state">What it needs.</param>
    public void Continue<T>(Action<T> answer, T state)
    {
        ArgumentNullException.ThrowIfNull(answer);
        lock (_gate)
            answer(state);
    }

    /// <summary>Makes the calling thread one of the engine's.</summary>
    internal static StoreThread Become() => s_current = new StoreThread();

    /// <summary>Runs an item on this thread.</summary>
    internal void Run(IThreadPoolWorkItem item)
    {
        lock (_gate)
            item.Execute();
    }
}
