using Locking.Conformance;
using Locking.Testing;

namespace Locking;

/// <summary>Waiting for a quorum's lock asks no node anything, and survives whatever connections and scripts are killed
/// meanwhile.</summary>
public sealed class WaitingTests(QuorumFixture fixture) : IClassFixture<QuorumFixture>
{
    private static readonly LockOptions s_noNet = new() { PollInterval = TimeSpan.FromMinutes(10), Ttl = TimeSpan.FromMinutes(10) };

    [Fact]
    public async Task Parked_waiters_ask_no_node_anything_within_the_safety_net()
    {
        string key = $"test-{Guid.NewGuid():N}";
        List<StoreLock> processes = Enumerable.Range(0, 3).Select(_ => new StoreLock(fixture.Quorum.NewStore(s_noNet), s_noNet)).ToList();
        ILockHandle held = await processes[0].LockAsync(key);
        List<Task<ILockHandle>> waiters = processes.Skip(1).Select(locks => locks.LockAsync(key).AsTask()).ToList();
        foreach (RedisServer server in fixture.Quorum.Servers)
            await Eventually.TrueAsync(async () => await ListenersAsync(server) >= 2, "subscribed everywhere");
        // Behind the attempt that follows the subscription, whenever that comes: from then on nothing is asked, for much longer than a poll
        // would wait.
        await Eventually.TrueAsync(
            async () =>
            {
                long before = await ScriptsAsync();
                await Task.Delay(2_000);
                return await ScriptsAsync() == before;
            },
            "parked");

        await held.UnlockAsync();
        while (waiters.Count > 0)
        {
            Task<ILockHandle> next = await Eventually.DoneAsync(Task.WhenAny(waiters), "the next turn");
            waiters.Remove(next);
            await (await next).DisposeAsync();
        }

        foreach (StoreLock locks in processes)
            await locks.DisposeAsync();

        async Task<long> ScriptsAsync()
        {
            long scripts = 0L;
            foreach (RedisServer server in fixture.Quorum.Servers)
            {
                scripts += ((string)(await server.CommandAsync("INFO", "commandstats"))!).Split("\r\n")
                    .Where(static line => line.StartsWith("cmdstat_eval", StringComparison.Ordinal))
                    .Sum(
                        static line =>
                            long.Parse(line.Split("calls=")[1].Split(',')[0], System.Globalization.CultureInfo.InvariantCulture));
            }

            return scripts;
        }
    }

    [Fact]
    public async Task Connections_killed_and_scripts_flushed_on_every_node_cost_nobody_a_lock()
    {
        await using Quorum quorum = await Quorum.StartAsync();
        var options = new LockOptions { Ttl = TimeSpan.FromSeconds(20) };
        List<StoreLock> processes = Enumerable.Range(0, 3).Select(_ => new StoreLock(quorum.NewStore(options), options)).ToList();
        // A quorum in use: a new one whose servers do not all answer would wait for the longest lease first.
        foreach (StoreLock locks in processes)
            await (await locks.LockAsync("warm")).DisposeAsync();
        using var stop = new CancellationTokenSource();
        Task killer = Task.Run(async () =>
        {
            for (int i = 0; !stop.IsCancellationRequested; i++)
            {
                // One node after the other: a minority is in trouble at a time, and each of them again and again.
                RedisServer server = quorum.Servers[i % quorum.Servers.Count];
                await server.CommandAsync("CLIENT", "KILL", "TYPE", i % 2 == 0 ? "normal" : "pubsub", "SKIPME", "yes");
                await server.CommandAsync("SCRIPT", "FLUSH");
                await Task.Delay(100);
            }
        });
        int holders = 0;
        long last = 0;
        await Eventually.DoneAsync(
            Task.WhenAll(processes.Select(locks => Task.Run(async () =>
            {
                for (int turn = 0; turn < 10; turn++)
                {
                    await using ILockHandle handle = await locks.LockAsync("k");
                    Assert.Equal(1, Interlocked.Increment(ref holders));
                    Assert.True(handle.FencingToken > last, "a token that does not rise");
                    last = handle.FencingToken!.Value;
                    await Task.Delay(5);
                    Interlocked.Decrement(ref holders);
                }
            }))),
            "all turns under fire", TimeSpan.FromMinutes(3));
        await stop.CancelAsync();
        await killer;
        foreach (StoreLock locks in processes)
            await locks.DisposeAsync();
    }

    private static async Task<long> ListenersAsync(RedisServer server) =>
        (long)((object?[])(await server.CommandAsync("PUBSUB", "NUMSUB", "lock:released"))!)[1]!;
}
