namespace Locking.Conformance;

/// <summary>Blocks the thread pool for as long as it lives: it gets one more thread than it had, and each that is free takes work that
/// blocks. What needs the pool meanwhile waits for ever.</summary>
/// <remarks>A test that uses it waits on threads of its own. Other tests of the process stand still as long as they need the
/// pool.</remarks>
public sealed class BlockedPool : IDisposable
{
    private const int Items = 1000;

    private readonly ManualResetEventSlim _open = new(); // not disposed: the pool may still look at it
    private readonly (int Workers, int Ports) _most;

    /// <summary>Blocks the pool.</summary>
    public BlockedPool()
    {
        ThreadPool.GetMinThreads(out int least, out _);
        ThreadPool.GetMaxThreads(out int workers, out int ports);
        _most = (workers, ports);
        // One more than there are: those may all be the test host's, which never come back, and then nothing here would ever begin.
        ThreadPool.SetMaxThreads(Math.Max(Math.Max(least, Environment.ProcessorCount), ThreadPool.ThreadCount) + 1, ports);
        int started = 0;
        for (int i = 0; i < Items; i++)
        {
            ThreadPool.UnsafeQueueUserWorkItem(
                _ =>
                {
                    Interlocked.Increment(ref started);
                    _open.Wait();
                },
                null);
        }

        // Threads that run something else now take what blocks next.
        SpinWait.SpinUntil(() => Volatile.Read(ref started) > 0, Eventually.Patience);
        SpinWait.SpinUntil(() => Volatile.Read(ref started) >= least, TimeSpan.FromMilliseconds(100));
    }

    /// <summary>Lets the pool go on.</summary>
    public void Dispose()
    {
        ThreadPool.SetMaxThreads(_most.Workers, _most.Ports);
        _open.Set();
    }
}
