using Locking.Testing;

namespace Locking;

/// <summary>Several independent servers.</summary>
public sealed class Quorum : IAsyncDisposable
{
    private Quorum(IReadOnlyList<RedisServer> servers) => Servers = servers;

    public IReadOnlyList<RedisServer> Servers { get; }

    /// <summary>The networks between the stores and the servers, if there are any.</summary>
    public IReadOnlyList<RedisProxy> Networks { get; private init; } = [];

    public static async Task<Quorum> StartAsync(int servers = 3, params string[] arguments) =>
        new(await Task.WhenAll(Enumerable.Range(0, servers).Select(_ => RedisServer.StartAsync(arguments))));

    /// <summary>Two Valkeys and a Redis.</summary>
    public static async Task<Quorum> StartMixedAsync() =>
        new(await Task.WhenAll(ValkeyServer.StartAsync(), RedisServer.StartAsync(), ValkeyServer.StartAsync()));

    /// <summary>Three servers, each behind a network of its own.</summary>
    public static async Task<Quorum> StartBehindNetworksAsync()
    {
        Quorum quorum = await StartAsync();
        return new Quorum(quorum.Servers) { Networks = [.. quorum.Servers.Select(static server => new RedisProxy(server.Port))] };
    }

    /// <summary>A store, as another process would have one.</summary>
    public RedLockStore NewStore(LockOptions? options = null, TimeSpan? commandTimeout = null, RedLockSettings? settings = null) => StoreAt(
        [.. Networks.Count > 0 ? Networks.Select(network => network.Port) : Servers.Select(server => server.Port)],
        options, commandTimeout, settings);

    public static RedLockStore StoreAt(
        IReadOnlyList<int> ports, LockOptions? options = null, TimeSpan? commandTimeout = null, RedLockSettings? settings = null) =>
        (RedLockStore)new RedLockProvider().CreateStore(
            (settings ?? new RedLockSettings()) with
            {
                Endpoints = [.. ports.Select(port => new RedisLockSettings { Host = "127.0.0.1", Port = port })],
                CommandTimeout = commandTimeout,
                ConnectTimeout = commandTimeout,
            },
            options);

    /// <summary>Whose vote a record is: the byte behind the id, which says that somebody waits, is no text.</summary>
    public static string? HolderIn(object? record) => ((string?)record)?.TrimEnd('\uFFFD');

    public async ValueTask DisposeAsync()
    {
        foreach (RedisProxy network in Networks)
            await network.DisposeAsync();
        foreach (RedisServer server in Servers)
            await server.DisposeAsync();
    }
}

/// <summary>Three servers for a class of tests.</summary>
public sealed class QuorumFixture : IAsyncLifetime
{
    public Quorum Quorum { get; private set; } = null!;

    public async Task InitializeAsync() => Quorum = await Quorum.StartAsync();

    public async Task DisposeAsync()
    {
        if (Quorum is not null)
            await Quorum.DisposeAsync();
    }
}
