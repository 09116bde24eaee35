using Locking.Testing;

namespace Locking;

/// <summary>One server for a class of tests.</summary>
public class RedisFixture : IAsyncLifetime
{
    public RedisServer Server { get; private set; } = null!;

    public async Task InitializeAsync() => Server = await StartAsync();

    public async Task DisposeAsync()
    {
        if (Server is not null)
            await Server.DisposeAsync();
    }

    protected virtual Task<RedisServer> StartAsync() => RedisServer.StartAsync();

    public ILockStore NewStore(LockOptions? options = null, TimeSpan? commandTimeout = null) => StoreAt(Server.Port, options, commandTimeout);

    public static ILockStore StoreAt(int port, LockOptions? options = null, TimeSpan? commandTimeout = null) =>
        new RedisLockProvider().CreateStore(ConfigAt(port, options, commandTimeout), LockProviderContext.Default);

    public static LockConfig ConfigAt(int port, LockOptions? options = null, TimeSpan? commandTimeout = null) => new()
    {
        Type = "redis",
        Connection = new LockConnection { Host = "127.0.0.1", Port = port, CommandTimeout = commandTimeout, ConnectTimeout = commandTimeout },
        LockOptions = options ?? new LockOptions(),
    };
}
