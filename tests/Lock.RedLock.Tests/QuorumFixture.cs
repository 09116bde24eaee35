using Locking.Testing;

namespace Locking;

/// <summary>Several independent servers.</summary>
public sealed class Quorum : IAsyncDisposable
{
    private Quorum(IReadOnlyList<RedisServer> servers) => Servers = servers;

    public IReadOnlyList<RedisServer> Servers { get; }

    public static async Task<Quorum> StartAsync(int servers = 3, params string[] arguments) =>
        new(await Task.WhenAll(Enumerable.Range(0, servers).Select(_ => RedisServer.StartAsync(arguments))));

    /// <summary>A store, as another process would have one.</summary>
    public RedLockLockStore NewStore(LockOptions? options = null, TimeSpan? commandTimeout = null) =>
        StoreAt([.. Servers.Select(server => server.Port)], options, commandTimeout);

    public static RedLockLockStore StoreAt(IReadOnlyList<int> ports, LockOptions? options = null, TimeSpan? commandTimeout = null) =>
        (RedLockLockStore)new RedLockLockProvider().CreateStore(
            new LockConfig
            {
                Type = "redLock",
                Connection = new LockConnection
                {
                    Endpoints = [.. ports.Select(port => new LockConnection { Host = "127.0.0.1", Port = port })],
                    CommandTimeout = commandTimeout,
                    ConnectTimeout = commandTimeout,
                },
                LockOptions = options ?? new LockOptions(),
            },
            LockProviderContext.Default);

    public async ValueTask DisposeAsync()
    {
        foreach (var server in Servers)
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
