using Locking.Bench.Broker;
using Locking.Bench.Etcd;
using Locking.Bench.Mongo;
using Locking.Bench.Postgres;
using Locking.Bench.Redis;
using Locking.Testing;

namespace Locking.Bench.Latency;

/// <summary>The backends that are reached by a network, each with servers of the benchmark's own.</summary>
internal static class Backends
{
    /// <summary>All, by name.</summary>
    public static IReadOnlyDictionary<string, Func<Task<Backend>>> All { get; } = new Dictionary<string, Func<Task<Backend>>>
    {
        ["redis"] = () => RedisAsync(1),
        ["redLock"] = () => RedisAsync(3),
        ["broker"] = BrokerAsync,
        ["postgres"] = PostgresAsync,
        ["mongo"] = MongoAsync,
        ["etcd"] = EtcdAsync,
    };

    private static async Task<Backend> RedisAsync(int nodes)
    {
        List<BenchRedis> servers = [];
        for (int i = 0; i < nodes; i++)
            servers.Add(await BenchRedis.StartAsync());
        // Raw is one server also where the others are a quorum: it is measured with one.
        IEnumerable<string> names = RedisLibrary.All.Where(name => nodes == 1 || name != RedisLibrary.Raw);
        return new Backend(
            [.. servers.Select(static server => server.Port)],
            [.. names.Select(static name => new Contender(name, async ports => await RedisLibrary.ConnectAsync(name, ports)))],
            async () =>
            {
                foreach (BenchRedis server in servers)
                    await server.DisposeAsync();
            })
        { Width = nodes };
    }

    /// <summary>Ours, and npm's live-mutex with its own broker.</summary>
    private static async Task<Backend> BrokerAsync()
    {
        BrokerServers servers = await BrokerServers.StartAsync();
        List<Contender> contenders =
            [new Contender(BrokerLibrary.Ours, static ports => Task.FromResult(BrokerLibrary.Connect(BrokerLibrary.Ours, ports[0])))];
        if (servers.PublishedPort is not { } published)
            return new Backend([servers.Port], contenders, servers.DisposeAsync);
        contenders.Insert(0, new Contender(
            BrokerLibrary.LiveMutex,
            static ports => Task.FromResult(BrokerLibrary.Connect(BrokerLibrary.LiveMutex, ports[1])),
            CanWait: false));
        return new Backend([servers.Port, published], contenders, servers.DisposeAsync);
    }

    private static async Task<Backend> PostgresAsync()
    {
        PostgresServer server = await PostgresServer.StartAsync("max_connections=400", "fsync=off");
        return new Backend(
            [server.Port],
            [.. PostgresLibrary.All.Select(static name => new Contender(name, async ports =>
            {
                PostgresLibrary library = PostgresLibrary.Connect(name, ports[0]);
                await library.CycleAsync("first", 1); // the raw one makes its table
                return library;
            }))],
            server.DisposeAsync);
    }

    private static async Task<Backend> MongoAsync()
    {
        Npgsql.NpgsqlDataSource engine = await MongoEngine.StartAsync();
        MongoGateway gateway = MongoGateway.Start(engine);
        return new Backend(
            [gateway.Port],
            [.. MongoLibrary.All.Select(static name => new Contender(
                name, ports => Task.FromResult<ILockLibrary>(MongoLibrary.Connect(name, $"mongodb://127.0.0.1:{ports[0]}/"))))],
            async () =>
            {
                await gateway.DisposeAsync();
                await MongoEngine.StopAsync();
            });
    }

    private static async Task<Backend> EtcdAsync()
    {
        EtcdServer server = await EtcdServer.StartAsync();
        return new Backend(
            [server.Port],
            [
                .. new[] { EtcdLibrary.Raw, EtcdLibrary.Ours }.Select(static name => new Contender(
                    name,
                    ports => Task.FromResult(EtcdLibrary.Connect(name, new Uri($"http://127.0.0.1:{ports[0]}"))),
                    CanWait: name == EtcdLibrary.Ours)),
            ],
            server.DisposeAsync);
    }
}
