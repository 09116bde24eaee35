using Locking.Conformance;
using Locking.Testing;

namespace Locking.Peers.Tests;

/// <summary>One server, or three, and a counter that all processes of a test share.</summary>
internal sealed class PeerServers : IAsyncDisposable
{
    private readonly IReadOnlyList<RedisServer> _servers;

    private PeerServers(IReadOnlyList<RedisServer> servers)
    {
        _servers = servers;
        File.WriteAllBytes(Map, new byte[4096]);
    }

    public IReadOnlyList<int> Ports => [.. _servers.Select(static server => server.Port)];

    public string Map { get; } = Path.Combine(Path.GetTempPath(), $"lock-peers-{Guid.NewGuid():N}");

    public static async Task<PeerServers> StartAsync(int servers) =>
        new(await Task.WhenAll(Enumerable.Range(0, servers).Select(static _ => RedisServer.StartAsync())));

    /// <summary>What lies at a key on each server.</summary>
    public async Task<string?[]> ValuesAsync(string key) =>
        await Task.WhenAll(_servers.Select(async server => (string?)await server.CommandAsync("GET", key)));

    /// <summary>How long a key still lives, in milliseconds, where it lives longest.</summary>
    public async Task<long> LifeAsync(string key) =>
        (await Task.WhenAll(_servers.Select(async server => (long)(await server.CommandAsync("PTTL", key))!))).Max();

    /// <summary>Waits until a key is gone everywhere.</summary>
    public Task GoneAsync(string key) =>
        Eventually.TrueAsync(async () => (await ValuesAsync(key)).All(static value => value is null), $"{key} gone",
            TimeSpan.FromMinutes(1));

    /// <summary>Waits until the holder of a key has made it live longer again, so many times.</summary>
    /// <returns>Whether it has; false when it was too late for that, and the lock had ended by its time.</returns>
    public async Task<bool> RenewedAsync(string key, int times)
    {
        string? holder = await HolderAsync(key);
        (long seen, long last) = (TimeProvider.System.GetTimestamp(), await LifeAsync(key));
        while (times > 0)
        {
            long asked = TimeProvider.System.GetTimestamp();
            long life = await LifeAsync(key);
            if (await HolderAsync(key) != holder)
            {
                // Nobody may have it before its time was over.
                Assert.True(TimeProvider.System.GetElapsedTime(seen).TotalMilliseconds >= last, "a lock that was held was taken");
                return false;
            }

            if (life > last)
                times--;
            (seen, last) = (asked, life);
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System);
        }

        return true;
    }

    private async Task<string?> HolderAsync(string key) =>
        (await ValuesAsync(key)).GroupBy(static value => value).MaxBy(static group => group.Count())?.Key;

    public async ValueTask DisposeAsync()
    {
        foreach (RedisServer server in _servers)
            await server.DisposeAsync();
        File.Delete(Map);
    }
}
