using Locking.Conformance;
using Locking.Testing;

namespace Locking;

/// <summary>A Garnet server for a class of tests.</summary>
public sealed class GarnetFixture : RedisFixture
{
    protected override async Task<RedisServer> StartAsync()
    {
        RedisServer server = await RedisServer.StartAssemblyAsync(Path.Combine(AppContext.BaseDirectory, "Lock.GarnetServer.dll"));

        // It compiles each of its commands when it first runs them, which on a busy machine takes longer than a request may.
        await using ILockStore patient = StoreAt(server.Port, commandTimeout: TimeSpan.FromMinutes(2));
        await using var locks = new StoreLock(patient);
        await using (await locks.LockAsync("warm"))
        {
            await locks.GetAsync("warm");
            await locks.ForceUnlockAsync("warm");
        }

        await using ILockHandle waited = await locks.LockAsync("warm");
        await using IReleaseWatch watch = await ((IReleaseSignal)patient).WatchAsync("warm", CancellationToken.None);
        await foreach (LockInfo info in locks.ListAsync())
            Assert.Equal("warm", info.Key);
        return server;
    }
}

/// <summary>The store over Garnet.</summary>
public sealed class GarnetConformanceTests(GarnetFixture garnet) : RedisConformance(garnet,
    LockFormats.Native), IClassFixture<GarnetFixture>
{
    private readonly GarnetFixture _garnet = garnet;

    /// <summary>What the other tests of this class run on.</summary>
    [Fact]
    public async Task The_server_is_a_Garnet() =>
        Assert.Contains("server_name:garnet", (string)(await _garnet.Server.CommandAsync("INFO", "server"))!, StringComparison.Ordinal);
}
