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

    public ILockStore NewStore(RedisLockSettings? settings = null, TimeSpan? commandTimeout = null) =>
        StoreAt(Server.Port, settings, commandTimeout);

    public static ILockStore StoreAt(int port, RedisLockSettings? settings = null, TimeSpan? commandTimeout = null) =>
        new RedisLockProvider().CreateStore(SettingsAt(port, settings, commandTimeout));

    public static RedisLockSettings SettingsAt(int port, RedisLockSettings? settings = null, TimeSpan? commandTimeout = null) =>
        (settings ?? new RedisLockSettings()) with { Host = "127.0.0.1", Port = port, CommandTimeout = commandTimeout,
            ConnectTimeout = commandTimeout };
}
