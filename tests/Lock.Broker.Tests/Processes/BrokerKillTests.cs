namespace Locking;

public sealed class BrokerKillTests
{
    [Fact]
    public async Task Killing_the_broker_again_and_again_never_gives_two_holders_and_everybody_goes_on()
    {
        string directory = Directory.CreateTempSubdirectory("lock-broker-test-").FullName;
        string path = Path.Combine(directory, "broker.sock");
        using var stop = new CancellationTokenSource();
        try
        {
            ChildProcess broker = await StartAsync(path);
            int inside = 0;
            int overlaps = 0;
            int[] turns = new int[8];
            long highest = 0L;
            int wentBack = 0;
            var clients = Enumerable.Range(0, 8).Select(number => Task.Run(async () =>
            {
                await using var locks = new StoreLock(
                    new BrokerLockStore(new BrokerLockSettings { Path = path }),
                    new LockOptions { Ttl = TimeSpan.FromMilliseconds(600), AutoRenew = true });
                while (!stop.IsCancellationRequested)
                {
                    try
                    {
                        await using ILockHandle handle = await locks.LockAsync("k", cancellationToken: stop.Token);
                        if (handle.LostToken.IsCancellationRequested)
                            continue;

                        // Who is inside and has not lost its lease is there alone.
                        if (Interlocked.Increment(ref inside) > 1)
                            Interlocked.Increment(ref overlaps);
                        long before = Interlocked.Exchange(ref highest, handle.FencingToken!.Value);
                        if (before >= handle.FencingToken)
                            Interlocked.Increment(ref wentBack);
                        await Task.Delay(2);
                        Interlocked.Decrement(ref inside);
                        turns[number]++;
                    }
                    catch (LockStoreException e) when (e.IsTransient)
                    {
                        // The broker was away for longer than a call is ready to wait from its start.
                    }
                    catch (OperationCanceledException) when (stop.IsCancellationRequested)
                    {
                        return;
                    }
                }
            })).ToList();

            for (int kill = 0; kill < 4; kill++)
            {
                await Task.Delay(300 + (kill * 37));
                await broker.KillAsync();
                await broker.DisposeAsync();
                broker = await StartAsync(path);
                int had = turns.Sum();
                for (int i = 0; turns.Sum() < had + 16; i++)
                {
                    Assert.True(i < 2000, "nobody goes on");
                    await Task.Delay(10);
                }
            }

            int[] seen = (int[])turns.Clone();
            for (int i = 0; turns.Where((count, number) => count == seen[number]).Any(); i++)
            {
                Assert.True(i < 2000, $"somebody does not go on: {string.Join(' ', seen)} → {string.Join(' ', turns)}");
                await Task.Delay(10);
            }

            await stop.CancelAsync();
            await Task.WhenAll(clients).WaitAsync(TimeSpan.FromSeconds(30));
            await broker.DisposeAsync();
            Assert.Equal(0, overlaps);
            Assert.Equal(0, wentBack);
        }
        finally
        {
            await stop.CancelAsync();
            Directory.Delete(directory, recursive: true);
        }
    }

    private static async Task<ChildProcess> StartAsync(string path)
    {
        var broker = ChildProcess.Start(null, "broker", "--path", path, "--idle-exit", "60000");
        Assert.Equal("listening", await broker.ReadLineAsync());
        return broker;
    }
}
