namespace Locking.Bench.Broker;

/// <summary>A way to lock over a broker's TCP port.</summary>
internal static class BrokerLibrary
{
    public const string LiveMutex = "live-mutex";
    public const string Ours = "ours";

    /// <summary>When many processes start at once.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(1);

    /// <summary>Connects one. live-mutex is npm's client, in a process of its own, which can do cycles only.</summary>
    /// <param name="name">Which.</param>
    /// <param name="port">Where its broker listens.</param>
    public static ILockLibrary Connect(string name, int port) => name switch
    {
        LiveMutex => new NodeLibrary(BenchChild.OfNode("client", port)),
        Ours => new OurLibrary(new BrokerLockStore(
            new BrokerLockSettings { Host = "127.0.0.1", Port = port, ConnectTimeout = s_patience, CommandTimeout = s_patience })),
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, null),
    };

    private sealed class NodeLibrary(BenchChild client) : ILockLibrary
    {
        private bool _isReady;

        public Task<IAsyncDisposable> TakeAsync(string key, CancellationToken cancellationToken = default) =>
            throw new NotSupportedException("npm's client is asked for whole cycles only.");

        public async Task CycleAsync(string key, int cycles)
        {
            if (!_isReady)
                await client.ReadAsync();
            _isReady = true;
            await client.AskNumberAsync($"{cycles} 1 1");
        }

        public ValueTask DisposeAsync() => client.DisposeAsync();
    }

    private sealed class OurLibrary(BrokerLockStore store) : ILockLibrary
    {
        private readonly StoreLock _locks = new(store);

        public async Task<IAsyncDisposable> TakeAsync(string key, CancellationToken cancellationToken = default) =>
            await _locks.LockAsync(key, cancellationToken: cancellationToken);

        public ValueTask DisposeAsync() => _locks.DisposeAsync();
    }
}
