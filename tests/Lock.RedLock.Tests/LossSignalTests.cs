using Locking.Conformance;
using Locking.Testing;

namespace Locking;

/// <summary>A quorum's lock that is taken away by force is announced when no majority is left to it.</summary>
public sealed class LossSignalTests
{
    private static readonly LockOptions s_options = new() { Ttl = TimeSpan.FromMinutes(10) };

    [Fact]
    public async Task A_lock_that_another_process_forces_is_announced_at_once()
    {
        await using Quorum quorum = await Quorum.StartAsync();
        await using var holding = new StoreLock(quorum.NewStore(s_options), s_options);
        await using var forcing = new StoreLock(quorum.NewStore(s_options), s_options);
        await using ILockHandle held = await holding.LockAsync("k");
        await using ILockHandle bystander = await holding.LockAsync("other");
        Assert.True(await forcing.ForceUnlockAsync("k"));
        await Eventually.TrueAsync(() => held.LostToken.IsCancellationRequested, "the loss");
        Assert.Equal(LostReason.Forced, held.LostReason);
        Assert.Null(bystander.LostReason);
    }

    [Fact]
    public async Task A_lock_that_is_forced_on_a_minority_stands()
    {
        await using Quorum quorum = await Quorum.StartAsync();
        await using var holding = new StoreLock(quorum.NewStore(s_options), s_options);
        await using ILockHandle held = await holding.LockAsync("k");
        foreach (RedisServer server in quorum.Servers)
            await Eventually.TrueAsync(async () => (string?)await server.CommandAsync("GET", "k") == held.Id, "the vote of every node");
        await ForceOnAsync(quorum.Servers[0]);
        // A forced lock that is heard behind it on the same connection shows that the first was heard too.
        await using ILockHandle marker = await holding.LockAsync("marker");
        foreach (RedisServer server in quorum.Servers)
            await Eventually.TrueAsync(
                async () => (string?)await server.CommandAsync("GET", "marker") == marker.Id, "the vote of every node");
        await ForceOnAsync(quorum.Servers[0], "marker");
        await ForceOnAsync(quorum.Servers[1], "marker");
        await Eventually.TrueAsync(() => marker.LostToken.IsCancellationRequested, "the marker's loss");
        Assert.Null(held.LostReason);
        await ForceOnAsync(quorum.Servers[2]);
        await Eventually.TrueAsync(() => held.LostToken.IsCancellationRequested, "the loss");
    }

    private static async Task ForceOnAsync(Testing.RedisServer server, string key = "k")
    {
        await using ILockStore store = new RedisLockProvider().CreateStore(
            new RedisLockSettings { Port = server.Port }, null, LockProviderContext.Default);
        Assert.True(await ((IForceReleaseStore)store).ForceReleaseAsync(key, CancellationToken.None));
    }
}
