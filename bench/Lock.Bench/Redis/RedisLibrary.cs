using System.Collections.Concurrent;
using Medallion.Threading.Redis;
using RedLockNet;
using RedLockNet.SERedis;
using RedLockNet.SERedis.Configuration;
using StackExchange.Redis;

namespace Locking.Bench.Redis;

/// <summary>A way to lock over one server or several, each with the settings that it comes with,
/// and a connection of its own by the same client.</summary>
internal abstract class RedisLibrary : ILockLibrary
{
    public const string Raw = "raw";
    public const string Medallion = "DistributedLock.Redis";
    public const string RedLockNet = "RedLock.net";
    public const string Ours = "ours";

    protected static readonly TimeSpan Expiry = TimeSpan.FromSeconds(30);

    public static IReadOnlyList<string> All { get; } = [Raw, Medallion, RedLockNet, Ours];

    /// <summary>Connects one; over several servers it is a quorum.</summary>
    public static async Task<RedisLibrary> ConnectAsync(string name, IReadOnlyList<int> ports)
    {
        if (name == Ours)
            return new OurLibrary(ports);
        ConnectionMultiplexer[] connections =
            await Task.WhenAll(ports.Select(static port => ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{port},connectTimeout=60000")));
        return name switch
        {
            Raw => new RawLibrary(connections, await RawCycle.LoadAsync(connections[0].GetDatabase(), ports[0])),
            Medallion => new MedallionLibrary(connections),
            RedLockNet => new RedLockNetLibrary(connections),
            _ => throw new ArgumentOutOfRangeException(nameof(name), name, null),
        };
    }

    /// <summary>Takes a free lock and gives it back, so many times.</summary>
    public abstract Task CycleAsync(string key, int cycles);

    /// <summary>Takes a lock that others want too, however long that takes.</summary>
    public abstract Task<IAsyncDisposable> TakeAsync(string key, CancellationToken cancellationToken = default);

    public abstract ValueTask DisposeAsync();

    private static async ValueTask CloseAsync(ConnectionMultiplexer[] connections)
    {
        foreach (ConnectionMultiplexer connection in connections)
            await connection.DisposeAsync();
    }

    /// <summary>Two round trips to the first server; who finds the lock taken asks again after a millisecond.</summary>
    private sealed class RawLibrary(ConnectionMultiplexer[] connections, byte[] release) : RedisLibrary
    {
        private readonly IDatabase _database = connections[0].GetDatabase();

        public override Task CycleAsync(string key, int cycles) => RawCycle.RunAsync(_database, release, key, cycles);

        public override async Task<IAsyncDisposable> TakeAsync(string key, CancellationToken cancellationToken = default)
        {
            RedisValue id = Guid.NewGuid().ToString();
            while (!await _database.StringSetAsync(key, id, Expiry, When.NotExists))
                await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System, cancellationToken);
            return new Hold(() => _database.ScriptEvaluateAsync(release, [key], [id]));
        }

        public override ValueTask DisposeAsync() => CloseAsync(connections);

        private sealed class Hold(Func<Task> give) : IAsyncDisposable
        {
            public async ValueTask DisposeAsync() => await give();
        }
    }

    private sealed class MedallionLibrary(ConnectionMultiplexer[] connections) : RedisLibrary
    {
        private readonly IDatabase[] _databases = [.. connections.Select(static connection => connection.GetDatabase())];
        private readonly ConcurrentDictionary<string, RedisDistributedLock> _locks = new(StringComparer.Ordinal);

        public override async Task CycleAsync(string key, int cycles)
        {
            RedisDistributedLock one = LockOf(key);
            for (int i = 0; i < cycles; i++)
            {
                // Not one attempt: a quorum's release does not wait for the last node,
                // so that its own next attempt may find it taken there.
                RedisDistributedLockHandle held = await one.AcquireAsync();
                await held.DisposeAsync();
            }
        }

        public override async Task<IAsyncDisposable> TakeAsync(string key, CancellationToken cancellationToken = default) =>
            await LockOf(key).AcquireAsync(cancellationToken: cancellationToken);

        public override ValueTask DisposeAsync() => CloseAsync(connections);

        private RedisDistributedLock LockOf(string key) =>
            _locks.GetOrAdd(key, static (key, databases) => new RedisDistributedLock(key, databases), _databases);
    }

    private sealed class RedLockNetLibrary(ConnectionMultiplexer[] connections) : RedisLibrary
    {
        private readonly RedLockFactory _factory =
            RedLockFactory.Create([.. connections.Select(static connection => new RedLockMultiplexer(connection))]);

        public override async Task CycleAsync(string key, int cycles)
        {
            for (int i = 0; i < cycles; i++)
            {
                // One attempt, which fails where a node of its quorum is too slow: then it is made again, and counts as one cycle.
                bool isAcquired = false;
                while (!isAcquired)
                {
                    IRedLock held = await _factory.CreateLockAsync(key, Expiry);
                    isAcquired = held.IsAcquired;
                    await held.DisposeAsync();
                }
            }
        }

        /// <summary>It has no default for how often to ask: as often as ours would without notices.</summary>
        public override async Task<IAsyncDisposable> TakeAsync(string key, CancellationToken cancellationToken = default)
        {
            while (true)
            {
                IRedLock held = await _factory.CreateLockAsync(
                    key, Expiry, TimeSpan.FromMinutes(1), TimeSpan.FromMilliseconds(200), cancellationToken);
                if (held.IsAcquired)
                    return held;
                await held.DisposeAsync();
                cancellationToken.ThrowIfCancellationRequested();
            }
        }

        public override async ValueTask DisposeAsync()
        {
            _factory.Dispose();
            await CloseAsync(connections);
        }
    }

    private sealed class OurLibrary(IReadOnlyList<int> ports) : RedisLibrary
    {
        private readonly StoreLock _locks = ports.Count == 1 ? BenchRedis.NewLock(ports[0]) : new StoreLock(BenchRedis.NewQuorum(ports));

        public override async Task CycleAsync(string key, int cycles)
        {
            for (int i = 0; i < cycles; i++)
            {
                ILockHandle handle = await _locks.LockAsync(key);
                await handle.UnlockAsync();
            }
        }

        public override async Task<IAsyncDisposable> TakeAsync(string key, CancellationToken cancellationToken = default) =>
            await _locks.LockAsync(key, cancellationToken: cancellationToken);

        public override ValueTask DisposeAsync() => _locks.DisposeAsync();
    }
}
