using Locking.Conformance;
using Locking.Testing;

namespace Locking;

/// <summary>What lies on the nodes with the format of RedLock.net, and what that library's locks are to ours.</summary>
public sealed class FormatTests(QuorumFixture fixture) : IClassFixture<QuorumFixture>
{
    private static readonly RedLockSettings s_format = new() { Format = LockFormats.RedLockNet };
    private static readonly LockOptions s_options = new() { RetryDelay = TimeSpan.FromMilliseconds(20) };

    [Fact]
    public async Task A_lock_of_ours_is_on_every_node_what_RedLock_net_writes()
    {
        await using var locks = new StoreLock(fixture.Quorum.NewStore(s_options, settings: s_format), s_options);
        string key = $"test-{Guid.NewGuid():N}";
        await using ILockHandle held = await locks.LockAsync(key);
        Assert.True(Guid.TryParseExact(held.Id, "D", out _), held.Id);
        foreach (RedisServer server in fixture.Quorum.Servers)
        {
            await Eventually.TrueAsync(
                async () => (string?)await server.CommandAsync("GET", "redlock:" + key) == held.Id, "the vote of every node");
            Assert.InRange((long)(await server.CommandAsync("PTTL", "redlock:" + key))!, 1, 30_000);
            // Its way to take a lock: refused everywhere.
            Assert.Null(await server.CommandAsync("SET", "redlock:" + key, Guid.NewGuid().ToString(), "NX", "PX", "30000"));
        }
    }

    [Fact]
    public async Task A_lock_that_RedLock_net_has_on_a_majority_is_held_and_ours_when_it_lets_go()
    {
        await using var locks = new StoreLock(fixture.Quorum.NewStore(s_options, settings: s_format), s_options);
        (string? key, string? theirs) = ($"test-{Guid.NewGuid():N}", Guid.NewGuid().ToString());
        foreach (RedisServer? server in fixture.Quorum.Servers.Take(2))
            Assert.Equal("OK", await server.CommandAsync("SET", "redlock:" + key, theirs, "NX", "PX", "600000"));
        Assert.Null(await locks.TryLockAsync(key));
        // Its minority's vote was taken back.
        Assert.Equal(0L, await fixture.Quorum.Servers[2].CommandAsync("EXISTS", "redlock:" + key));
        Task<ILockHandle> waiting = locks.LockAsync(key).AsTask();
        Assert.False(waiting.IsCompleted);
        // Without a word: it gives no notice.
        foreach (RedisServer? server in fixture.Quorum.Servers.Take(2))
            await server.CommandAsync("DEL", "redlock:" + key);
        await using ILockHandle held = await Eventually.DoneAsync(waiting, "the lock that a stranger had");
        Assert.NotEqual(theirs, held.Id);
    }
}
