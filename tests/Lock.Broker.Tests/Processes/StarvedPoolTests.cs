using Locking.Conformance;

namespace Locking;

/// <summary>A thread pool that other work blocks for several ttls: leases over the broker, which is another process, go on.</summary>
[Collection(nameof(StarvedPoolTests))]
[CollectionDefinition(nameof(StarvedPoolTests), DisableParallelization = true)]
public sealed class StarvedPoolTests
{
    [Fact]
    public async Task Leases_are_renewed_while_the_pool_is_blocked()
    {
        var ttl = TimeSpan.FromSeconds(4);
        string directory = Directory.CreateTempSubdirectory("lock-broker-test-").FullName;
        try
        {
            string path = Path.Combine(directory, "broker.sock");
            await using var broker = ChildProcess.Start(null, "broker", "--path", path, "--idle-exit", "60000");
            Assert.Equal("listening", await broker.ReadLineAsync());
            await using var locks =
                new StoreLock(new BrokerLockStore(new BrokerLockSettings { Path = path }), new LockOptions { Ttl = ttl });
            var handles = new List<ILockHandle>();
            for (int i = 0; i < 12; i++)
                handles.Add(await locks.LockAsync($"k{i}"));

            // From before the first renewal on, on this thread: an await would need the pool.
            WatchWhileThePoolIsBlocked(handles, ttl * 3);
            foreach (ILockHandle handle in handles)
                Assert.Equal(UnlockOutcome.Released, await handle.UnlockAsync());
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static void WatchWhileThePoolIsBlocked(List<ILockHandle> handles, TimeSpan time)
    {
        long since = TimeProvider.System.GetTimestamp();
        using (new BlockedPool())
        {
            while (TimeProvider.System.GetElapsedTime(since) < time)
            {
                Thread.Sleep(20);
                Assert.Equal("",
                    string.Join(", ",
                        handles.Where(static h => h.LostReason is not null)
                            .Select(h =>
                                $"{h.Key}: {h.LostReason} after {TimeProvider.System.GetElapsedTime(since).TotalSeconds:0.00} s")));
            }
        }
    }
}
