namespace Locking.Conformance;

/// <summary>Blocks the thread pool for as long as it lives: it gets no more threads than it had, and each that is free takes work that blocks. What needs
/// the pool meanwhile waits for ever.</summary>
/// <remarks>A test that uses it waits on threads of its own. Other tests of the process stand still as long as they need the pool.</remarks>
public sealed class BlockedPool : IDisposable
{
    private const int Items = 1000;

    private readonly ManualResetEventSlim _open = new(); // not disposed: the pool may still look at it
    private readonly (int Workers, int Ports) _most;

    /// <summary>Blocks the pool.</summary>
    public BlockedPool()
    {
        ThreadPool.GetMinThreads(out var least, out _);
        ThreadPool.GetMaxThreads(out var workers, out var ports);
        _most = (workers, ports);
        ThreadPool.SetMaxThreads(Math.Max(least, Environment.ProcessorCount), ports);
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

        // As many as the pool has threads for without adding any; those that run something else now take what blocks next.
        SpinWait.SpinUntil(() => Volatile.Read(ref started) >= least, Eventually.Patience);
    }

    /// <summary>Lets the pool go on.</summary>
    public void Dispose()
    {
        ThreadPool.SetMaxThreads(_most.Workers, _most.Ports);
        _open.Set();
    }
}
