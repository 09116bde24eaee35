using Locking.Conformance;

namespace Locking;

/// <summary>Many holders while the server misbehaves at random: what they were promised never overlaps, and tokens rise.</summary>
public sealed class MongoHistoryTests(MongoServer server) : IClassFixture<MongoServer>
{
    private static readonly GatewayFault[] s_faults =
    [
        GatewayFault.CloseBefore, GatewayFault.LoseReply, GatewayFault.TruncateReply, GatewayFault.MalformedReply,
            GatewayFault.NotWritablePrimary,
        GatewayFault.InterruptedAfter, GatewayFault.WriteConcernTimeout, GatewayFault.DuplicateKey,
    ];

    /// <summary>LOCK_TEST_SEEDS=N runs N seeds instead of the usual eight.</summary>
    public static TheoryData<int> Seeds =>
        [.. Enumerable.Range(0, Many.Of("LOCK_TEST_SEEDS", usual: 8)).Select(i => 20261122 + (7919 * i))];

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task Promises_hold_under_faults(int seed)
    {
        await using MongoGateway gateway = server.StartGateway();
        var history = new LockHistory(TimeProvider.System);
        string key = Guid.NewGuid().ToString();
        var random = new Random(seed);
        // One command in five: a rate, not a pace, so that a slow machine meets no more of them than a fast one.
        gateway.Faults.Decide = command =>
            command is "findAndModify" or "update" && random.Next(5) == 0 ? s_faults[random.Next(s_faults.Length)] : null;
        await Task.WhenAll(Enumerable.Range(0, 4).Select(i => Task.Run(() => HoldAsync(gateway.Uri, key, history, turns: 12))));
        gateway.Faults.Decide = null;
        Assert.True(history.Grants >= 20, $"only {history.Grants} grants: nothing is proved (seed {seed})");
        history.Check();
    }

    private async Task HoldAsync(string uri, string key, LockHistory history, int turns)
    {
        await using var locks = new StoreLock(MongoConformance.Create(uri, server.SharedCollection, TimeProvider.System));
        var options = new LockOptions { Ttl = TimeSpan.FromSeconds(2), AutoRenew = false, RetryDelay = TimeSpan.FromMilliseconds(2),
            RetryJitter = TimeSpan.FromMilliseconds(2) };
        for (int turn = 0; turn < turns; turn++)
        {
            try
            {
                await using ILockHandle handle = await locks.LockAsync(key, options);
                history.Promised(handle);
                try
                {
                    if (turn % 3 == 0 && await handle.TryExtendAsync(TimeSpan.FromSeconds(2))) history.Promised(handle);
                }
                finally
                {
                    // Whether the extension worked or failed: from here on the handle is given back.
                    history.Ends(key, handle.Id, history.Now);
                }

                await handle.UnlockAsync();
            }
            catch (LockStoreException)
            {
                // The server misbehaved for longer than the engine waits: no promise was made.
            }
        }
    }
}
