namespace Locking.Bench.Latency;

/// <summary>A way to lock over a network that delays.</summary>
/// <param name="Name">Its name.</param>
/// <param name="ConnectAsync">Connects to the servers of its backend, whose ports it is given.</param>
/// <param name="CanWait">Whether it can wait for a lock that is held, in this program.</param>
internal sealed record Contender(string Name, Func<IReadOnlyList<int>, Task<ILockLibrary>> ConnectAsync, bool CanWait = true);

/// <summary>The servers of a backend, and who locks over them.</summary>
internal sealed class Backend(IReadOnlyList<int> ports, IReadOnlyList<Contender> contenders, Func<ValueTask> stop) : IAsyncDisposable
{
    /// <summary>Where the servers listen.</summary>
    public IReadOnlyList<int> Ports => ports;

    public IReadOnlyList<Contender> Contenders => contenders;

    /// <summary>How many servers an operation goes to, each of which has its own round trips.</summary>
    public int Width { get; init; } = 1;

    public ValueTask DisposeAsync() => stop();
}
