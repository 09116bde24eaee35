using Locking.Conformance;

namespace Locking;

/// <summary>Many who want few locks, in every way at once: passing by, waiting, fairly, forcing, letting leases end.</summary>
public sealed class CrowdTests(RedisFixture redis) : RedisTests(redis), IClassFixture<RedisFixture>
{
    private const int Workers = 6;
    private const int Turns = 150;

    [Fact]
    public async Task Two_are_never_in_the_lock_and_tokens_rise()
    {
        (string key, int inside, long last, int grants) = (NewKey(), 0, 0L, 0);
        await AllAsync(async (store, worker, stop) =>
        {
            for (int turn = 0; turn < Turns && !stop.IsCancellationRequested; turn++)
            {
                string id = NewId();
                // Two at a time come by, so that a release is by the whole record as often as somebody waits for it.
                if (await TakeAsync(store, key, id, (worker + (turn / 50)) % 3, stop) is not { } token)
                    continue;
                Assert.Equal(1, Interlocked.Increment(ref inside));
                Assert.True(token > last, $"{token} after {last}");
                last = token;
                grants++;
                if (turn % 7 == 0)
                    await Task.Yield();
                Interlocked.Decrement(ref inside);
                Assert.Equal(StoreReply.Done, await ReleaseAsync(store, key, id));
            }
        });
        Assert.True(grants > Turns, $"{grants} grants");
        Assert.Equal(0, inside);
        // Whoever gave up is out of the line, and the last one has let go.
        RedisLockStore passer = NewStore();
        await Eventually.TrueAsync(async () => (await AskAsync(passer, key, "passer")).IsGranted, "the lock, free in the end");
    }

    [Fact]
    public async Task No_token_is_below_one_that_was_given_before_whatever_ends_the_leases()
    {
        string[] keys = [NewKey(), NewKey()];
        long[] last = new long[keys.Length];
        int[] ttls = new[] { 1, 3, 20, 60_000 };
        await AllAsync(async (store, worker, stop) =>
        {
            for (int turn = 0; turn < Turns && !stop.IsCancellationRequested; turn++)
            {
                int which = turn % keys.Length;
                (string key, string id) = (keys[which], NewId());
                var ttl = TimeSpan.FromMilliseconds(ttls[(turn / 2) % ttls.Length]);
                long before = Volatile.Read(ref last[which]);
                AcquireReply reply = await AskAsync(store, key, id, ttl, queue: worker == 5);
                if (reply.IsGranted)
                {
                    long token = reply.FencingToken!.Value;
                    Assert.True(token > before, $"{token} after {before}");
                    for (long seen = Volatile.Read(ref last[which]); seen < token; seen = Volatile.Read(ref last[which]))
                        Interlocked.CompareExchange(ref last[which], token, seen);
                    // The same one again: its own token, or a higher one where its lease has ended.
                    if (turn % 3 == 0 && await AskAsync(store, key, id, ttl) is { IsGranted: true } again)
                        Assert.True(again.FencingToken >= token, $"{again.FencingToken} after {token}");
                }

                if (worker == 4 && turn % 5 == 0)
                    await store.ForceReleaseAsync(key, CancellationToken.None);
                await ReleaseAsync(store, key, id);
                if ((await store.GetAsync(key, CancellationToken.None))?.Id == id)
                    Assert.Fail("released, and held all the same");
            }
        });
    }

    /// <summary>All workers at once, each with a connection of its own, until one of them fails.</summary>
    private async Task AllAsync(Func<RedisLockStore, int, CancellationToken, Task> run)
    {
        using var stop = new CancellationTokenSource();
        RedisLockStore[] stores = Enumerable.Range(0, Workers).Select(_ => NewStore()).ToArray();
        await Task.WhenAll(stores.Select((store, worker) => Task.Run(async () =>
        {
            try
            {
                await run(store, worker, stop.Token);
            }
            catch
            {
                await stop.CancelAsync();
                throw;
            }
        })));
    }

    /// <summary>Takes the lock: 0 comes by a few times, 1 waits for notices, 2 waits fairly. Null: it has given up.</summary>
    private static async Task<long?> TakeAsync(RedisLockStore store, string key, string id, int how, CancellationToken stop)
    {
        if (how != 1)
        {
            for (int tries = 0; tries < 50; tries++)
            {
                if (await AskAsync(store, key, id, queue: how == 2) is { IsGranted: true } reply)
                    return reply.FencingToken!.Value;
                await Task.Yield();
            }

            await ReleaseAsync(store, key, id);
            return null;
        }

        await using IReleaseWatch watch = await ((IReleaseSignal)store).WatchAsync(key, CancellationToken.None);
        while (!stop.IsCancellationRequested)
        {
            if (await AskAsync(store, key, id) is { IsGranted: true } reply)
                return reply.FencingToken!.Value;
            await watch.WaitAsync(TimeSpan.FromMilliseconds(500), CancellationToken.None);
        }

        return null;
    }
}
