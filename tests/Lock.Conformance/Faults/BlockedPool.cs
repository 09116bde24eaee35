namespace Locking.Conformance;

/// <summary>Blocks the thread pool with other work for as long as it lives: what needs the pool meanwhile waits, for longer than any test does.</summary>
/// <remarks>The pool adds a thread or two per second, which are blocked as well. A test that uses it waits on threads of its own, and runs alone.</remarks>
public sealed class BlockedPool : IDisposable
{
    private const int Items = 400;

    private readonly ManualResetEventSlim _open = new(); // not disposed: the pool may still look at it

    /// <summary>Blocks the pool.</summary>
    public BlockedPool()
    {
        var started = 0;
        for (var i = 0; i < Items; i++)
        {
            ThreadPool.UnsafeQueueUserWorkItem(
                _ =>
                {
                    Interlocked.Increment(ref started);
                    _open.Wait();
                },
                null);
        }

        // As many as the pool has threads for without adding any.
        ThreadPool.GetMinThreads(out var least, out var _);
        SpinWait.SpinUntil(() => Volatile.Read(ref started) >= least, TimeSpan.FromSeconds(30));
    }

    /// <summary>Lets the pool go on.</summary>
    public void Dispose() => _open.Set();
}
