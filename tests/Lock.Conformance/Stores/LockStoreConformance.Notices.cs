namespace Locking.Conformance;

public abstract partial class LockStoreConformance
{
    [Fact]
    public async Task S21_A_watch_misses_no_release_that_comes_after_a_busy_answer()
    {
        (string key, string id, string waiter) = (NewKey(), NewId(), NewId());
        await TakeAsync(Store, key, id);
        ILockStore store = NewStore();
        if (store is not IReleaseSignal signal)
        {
            await AssertPollingSeesTheReleaseAsync(key, id);
            return;
        }

        // Released before anybody waits: the notice is latched.
        await using (IReleaseWatch watch = await signal.WatchAsync(key, CancellationToken.None))
        {
            Assert.False((await AskAsync(store, key, waiter)).IsGranted);
            Assert.Equal(StoreReply.Done, await Store.TryReleaseAsync(key, id, CancellationToken.None));
            Assert.True(await WaitAsync(watch));
        }

        // The store may have made the waiter the holder.
        await store.TryReleaseAsync(key, waiter, CancellationToken.None);

        // Released while somebody waits.
        await TakeAsync(Store, key, id);
        await using (IReleaseWatch watch = await signal.WatchAsync(key, CancellationToken.None))
        {
            Assert.False((await AskAsync(store, key, waiter)).IsGranted);
            Task<bool> waiting = await WaitInSilenceAsync(watch);
            Assert.Equal(StoreReply.Done, await Store.TryReleaseAsync(key, id, CancellationToken.None));
            Assert.True(await waiting);
        }
    }

    [Fact]
    public async Task S21_Every_watcher_that_was_answered_busy_is_told_of_every_release()
    {
        (string key, string id) = (NewKey(), NewId());
        (ILockStore store, ILockStore other) = (NewStore(), NewStore());
        if (store is not IReleaseSignal signal)
        {
            await TakeAsync(Store, key, id);
            await AssertPollingSeesTheReleaseAsync(key, id);
            return;
        }

        for (int i = 0; i < 3; i++)
        {
            await TakeAsync(Store, key, id);
            var watchers = new List<(ILockStore Store, IReleaseWatch Watch, string Id)>();
            foreach (ILockStore? asking in new[] { store, store, other })
            {
                watchers.Add((asking, await ((IReleaseSignal)asking).WatchAsync(key, CancellationToken.None), NewId()));
                Assert.False((await AskAsync(asking, key, watchers[^1].Id)).IsGranted);
            }

            foreach ((ILockStore _, IReleaseWatch watch, string _) in watchers)
                await DrainAsync(watch);
            Assert.Equal(StoreReply.Done, await Store.TryReleaseAsync(key, id, CancellationToken.None));
            foreach ((ILockStore _, IReleaseWatch watch, string _) in watchers)
                Assert.True(await WaitAsync(watch), $"no notice of release {i + 1}");

            // Each of them gives up, and with it whatever the store has given it.
            foreach ((ILockStore asking, IReleaseWatch watch, string waiter) in watchers)
            {
                await watch.DisposeAsync();
                await asking.TryReleaseAsync(key, waiter, CancellationToken.None);
            }
        }
    }

    [Fact]
    public async Task S21_A_watch_waits_no_longer_than_it_is_told_and_is_cancelled_promptly()
    {
        (string key, string id) = (NewKey(), NewId());
        await TakeAsync(Store, key, id);
        if (Store is not IReleaseSignal signal)
        {
            await AssertPollingSeesTheReleaseAsync(key, id);
            return;
        }

        await using IReleaseWatch watch = await signal.WatchAsync(key, CancellationToken.None);
        await UntilSilentAsync(async () =>
        {
            Task<bool> waiting = watch.WaitAsync(ShortTtl, CancellationToken.None).AsTask();
            await OutliveAsync(ShortTtl);
            return !await Eventually.DoneAsync(waiting, "the wait's end");
        });

        using var stop = new CancellationTokenSource();
        Task<bool> cancelled = await WaitInSilenceAsync(watch, stop.Token);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Eventually.DoneAsync(cancelled, "the cancelled wait"));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
            await signal.WatchAsync(NewKey(), new CancellationToken(canceled: true)));
    }

    [Fact]
    public async Task S21_Force_gives_notice_as_a_release_does()
    {
        (string key, string id) = (NewKey(), NewId());
        await TakeAsync(Store, key, id);
        ILockStore store = NewStore();
        if (store is not IReleaseSignal signal)
        {
            await AssertPollingSeesTheReleaseAsync(key, id);
            return;
        }

        await using IReleaseWatch watch = await signal.WatchAsync(key, CancellationToken.None);
        Assert.False((await AskAsync(store, key, NewId())).IsGranted);
        await DrainAsync(watch);
        Assert.True(await ForceAsync(key));
        Assert.True(await WaitAsync(watch));
    }

    private static Task<bool> WaitAsync(IReleaseWatch watch) =>
        Eventually.DoneAsync(watch.WaitAsync(Timeout.InfiniteTimeSpan, CancellationToken.None).AsTask(), "the notice of a release");

    /// <summary>Begins a wait that nothing ends.</summary>
    private static async Task<Task<bool>> WaitInSilenceAsync(IReleaseWatch watch, CancellationToken cancellationToken = default)
    {
        Task<bool> waiting = null!;
        await UntilSilentAsync(async () =>
        {
            await DrainAsync(watch);
            waiting = watch.WaitAsync(Timeout.InfiniteTimeSpan, cancellationToken).AsTask();
            await Eventually.SettleAsync();
            return !waiting.IsCompleted;
        });
        return Eventually.DoneAsync(waiting, "the notice of a release");
    }

    /// <summary>A notice is a hint: one may come late, as when a node or a connection joins after the others,
    /// but not again and again.</summary>
    private static async Task UntilSilentAsync(Func<Task<bool>> isSilent)
    {
        for (int notices = 0; !await isSilent(); notices++)
            Assert.True(notices < 10, "told again and again of releases that have not happened");
    }

    /// <summary>Takes the notices that have come. A notice is a hint, so there may be one more than releases.</summary>
    private static async Task DrainAsync(IReleaseWatch watch)
    {
        do
            await Eventually.SettleAsync();
        while (await Eventually.DoneAsync(watch.WaitAsync(TimeSpan.Zero, CancellationToken.None).AsTask(), "a wait of nothing"));
    }

    /// <summary>The way without a signal: whoever asks after the release has been answered finds the lock free.</summary>
    private async Task AssertPollingSeesTheReleaseAsync(string key, string id)
    {
        Assert.False((await AskAsync(NewStore(), key, NewId())).IsGranted);
        Assert.Equal(StoreReply.Done, await Store.TryReleaseAsync(key, id, CancellationToken.None));
        await TakeAsync(NewStore(), key, NewId());
    }
}
