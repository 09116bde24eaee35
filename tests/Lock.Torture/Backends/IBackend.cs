namespace Locking.Torture;

/// <summary>A backend under torture: its servers, their network, and what can be done to them. One file each.</summary>
public interface IBackend : IAsyncDisposable
{
    /// <summary>Whether all workers live in one process, since their locks do.</summary>
    bool IsOneProcess => false;

    /// <summary>The margin of a lost signal, as the configuration has it.</summary>
    TimeSpan Margin(TimeSpan ttl) => (ttl * 0.01) + TimeSpan.FromMilliseconds(2);

    /// <summary>What may be done to the store and its network. Each name is a word of the command line.</summary>
    IReadOnlyDictionary<string, Func<Nemesis, Task>> Faults { get; }

    /// <summary>Makes ready what some faults need from the start on. Called before it.</summary>
    /// <param name="isChosen">Whether a fault is to come, by its name.</param>
    void Prepare(Func<string, bool> isChosen)
    {
    }

    /// <summary>Starts the servers.</summary>
    /// <param name="folder">For their files.</param>
    /// <param name="seed">The seed of everything random.</param>
    Task StartAsync(string folder, int seed);

    /// <summary>The LOCK_CONFIG of a worker (from 0).</summary>
    string Config(int worker);

    /// <summary>The TCP ports of the servers, as peers need them; through the network.</summary>
    IReadOnlyList<int> Ports => [];

    /// <summary>What is left behind although nobody holds or waits any more. Called while the clients are still connected.</summary>
    Task<IReadOnlyList<string>> LeftoversAsync();
}

/// <summary>The backends by name.</summary>
public static class Backends
{
    private static readonly Dictionary<string, Func<IBackend>> s_all = new(StringComparer.OrdinalIgnoreCase)
    {
        ["inMemory"] = static () => new InMemoryBackend(),
        ["broker"] = static () => new BrokerBackend(),
        ["redis"] = static () => new RedisBackend(persists: false, replicates: false),
        ["redis-aof"] = static () => new RedisBackend(persists: true, replicates: false),
        ["redis-replica"] = static () => new RedisBackend(persists: false, replicates: true),
        ["redis-sentinel"] = static () => new RedisSentinelBackend(),
        ["redLock"] = static () => new RedLockBackend(),
        ["mongo"] = static () => new MongoBackend(),
        ["postgres"] = static () => new PostgresBackend(isPooled: false),
        ["postgres-pooler"] = static () => new PostgresBackend(isPooled: true),
        ["etcd"] = static () => new EtcdBackend(),
    };

    /// <summary>Their names.</summary>
    public static IEnumerable<string> Names => s_all.Keys;

    /// <summary>Makes one.</summary>
    /// <exception cref="ArgumentException">There is none of that name.</exception>
    public static IBackend Make(string name) =>
        s_all.TryGetValue(name, out Func<IBackend>? make)
            ? make()
            : throw new ArgumentException($"There is no backend '{name}': {string.Join(", ", Names)}.");
}
