namespace Locking.Conformance;

public abstract partial class LockStoreConformance
{
    [Fact]
    public async Task S17_A_holder_that_gives_up_leaves_no_place_in_the_queue()
    {
        (string key, string holder, string gone, string next) = (NewKey(), NewId(), NewId(), NewId());
        await TakeAsync(Store, key, holder);
        var place = new AcquireRequest(key, gone, "tester", LongTtl) { Queue = true };
        Assert.False((await NewStore().TryAcquireAsync(place, CancellationToken.None)).IsGranted);
        Assert.Equal(StoreReply.HeldByAnother, await Store.TryReleaseAsync(key, gone, CancellationToken.None));
        await AssertHeldByAsync(Store, key, holder);
        Assert.Equal(StoreReply.Done, await Store.TryReleaseAsync(key, holder, CancellationToken.None));
        await TakeAsync(Store, key, next);
    }

    [Fact]
    public async Task S17_A_waiter_that_is_cancelled_and_released_is_never_granted()
    {
        (string key, string holder, string gone, string next) = (NewKey(), NewId(), NewId(), NewId());
        await TakeAsync(Store, key, holder);
        ILockStore store = NewStore();
        using var stop = new CancellationTokenSource();
        Task<AcquireReply> waiting = QueueAsync(store, key, gone, cancellationToken: stop.Token);
        await Eventually.SettleAsync();
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Eventually.DoneAsync(waiting, "the cancelled waiter"));
        Assert.Equal(StoreReply.HeldByAnother, await store.TryReleaseAsync(key, gone, CancellationToken.None));
        Assert.Equal(StoreReply.Done, await Store.TryReleaseAsync(key, holder, CancellationToken.None));
        await TakeAsync(Store, key, next);
    }

    [Fact]
    public async Task S22_A_waiter_is_granted_the_lock_when_it_is_released()
    {
        (string key, string holder, string waiter) = (NewKey(), NewId(), NewId());
        long earlier = await TakeAsync(Store, key, holder);
        Task<AcquireReply> waiting = QueueAsync(NewStore(), key, waiter);
        await Eventually.SettleAsync();
        Assert.False(waiting.IsCompleted, "granted while another holds the lock");
        Assert.Equal(StoreReply.Done, await Store.TryReleaseAsync(key, holder, CancellationToken.None));
        AssertRises(earlier, TokenOf(await Eventually.DoneAsync(waiting, "the waiter's grant")));
        await AssertHeldByAsync(Store, key, waiter);
        Assert.False((await AskAsync(Store, key, NewId())).IsGranted);
    }

    [Fact]
    public async Task S22_A_waiter_is_granted_the_lock_when_it_is_free_when_it_expires_and_when_it_is_forced()
    {
        ILockStore store = NewStore();
        (string key, string first, string second, string third) = (NewKey(), NewId(), NewId(), NewId());
        TokenOf(await Eventually.DoneAsync(QueueAsync(store, key, first, ttl: ShortTtl), "the grant of a free lock"));
        Task<AcquireReply> waiting = QueueAsync(store, key, second);
        await Eventually.SettleAsync();
        await OutliveAsync(ShortTtl);
        TokenOf(await Eventually.DoneAsync(waiting, "the grant of a lock that expired"));
        waiting = QueueAsync(store, key, third);
        await Eventually.SettleAsync();
        Assert.True(await ForceAsync(key));
        TokenOf(await Eventually.DoneAsync(waiting, "the grant of a lock that was forced"));
        await AssertHeldByAsync(Store, key, third);
    }

    [Fact]
    public async Task S22_A_waiter_whose_time_is_up_is_busy_and_gives_up_its_place()
    {
        (string key, string holder, string gone, string next) = (NewKey(), NewId(), NewId(), NewId());
        await TakeAsync(Store, key, holder);
        ILockStore store = NewStore();
        Assert.False((await Eventually.DoneAsync(QueueAsync(store, key, gone, TimeSpan.Zero), "a wait of nothing")).IsGranted);
        long sent = Clock.GetTimestamp();
        Task<(AcquireReply Reply, TimeSpan Waited)> waiting = TimedAsync();
        await Eventually.SettleAsync();
        await OutliveAsync(ShortTtl);
        (AcquireReply reply, TimeSpan waited) = await Eventually.DoneAsync(waiting, "the end of the wait");
        Assert.False(reply.IsGranted);
        // Timers read a clock that moves with the kernel's ticks, of up to 10 ms, and drop what is less than a millisecond.
        Assert.True(waited >= ShortTtl - TimeSpan.FromMilliseconds(11), $"gave up after {waited.TotalMilliseconds} ms");
        Assert.Equal(StoreReply.Done, await Store.TryReleaseAsync(key, holder, CancellationToken.None));
        await TakeAsync(Store, key, next);

        async Task<(AcquireReply Reply, TimeSpan Waited)> TimedAsync()
        {
            AcquireReply answer = await QueueAsync(store, key, gone, ShortTtl);
            return (answer, Clock.GetElapsedTime(sent));
        }
    }

    [Fact]
    public async Task S22_A_waiter_that_asks_twice_is_not_left_waiting_when_one_of_the_requests_ends()
    {
        // As when a request is repeated on a new connection and the old one turns up late.
        (string key, string holder, string waiter) = (NewKey(), NewId(), NewId());
        await TakeAsync(Store, key, holder);
        using var stop = new CancellationTokenSource();
        ILockStore store = NewStore();
        Task<AcquireReply> first = QueueAsync(store, key, waiter, cancellationToken: stop.Token);
        await Eventually.SettleAsync();
        // A store without a queue is asked again and again by its waiters. What it takes back of a cancelled request goes the same way
        // as the next request of the same holder, and before it; over another connection that order would be nobody's promise.
        Task<AcquireReply> second = QueueAsync(Store is IWaitingStore ? NewStore() : store, key, waiter);
        await Eventually.SettleAsync();
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Eventually.DoneAsync(first, "the cancelled request"));
        Assert.Equal(StoreReply.Done, await Store.TryReleaseAsync(key, holder, CancellationToken.None));
        AcquireReply reply = await Eventually.DoneAsync(second, "the other request");
        if (!reply.IsGranted)
            await TakeAsync(Store, key, waiter);
        await AssertHeldByAsync(Store, key, waiter);
    }

    [Fact]
    public Task S23_Waiters_are_served_in_the_order_they_came_where_the_store_is_fair() => TimelyAsync(async ttl =>
    {
        (string key, string holder) = (NewKey(), NewId());
        await TakeAsync(Store, key, holder);
        var waiters = Enumerable.Range(0, 5).Select(_ => NewId()).ToList();
        var served = new List<string>();
        var turns = new List<Task>();
        foreach (string? id in waiters)
        {
            ILockStore store = NewStore();
            turns.Add(Task.Run(async () =>
            {
                TokenOf(await QueueAsync(store, key, id));
                lock (served)
                    served.Add(id);
                Assert.Equal(StoreReply.Done, await store.TryReleaseAsync(key, id, CancellationToken.None));
            }));
            // The seam does not tell that a waiter has its place; a machine that was busy repeats all of this.
            await Task.Delay(ttl / 5, TimeProvider.System);
        }

        Assert.Equal(StoreReply.Done, await Store.TryReleaseAsync(key, holder, CancellationToken.None));
        await Eventually.DoneAsync(Task.WhenAll(turns), "every waiter's turn");
        if (Abilities.IsFair)
            Assert.Equal(waiters, served);
        else
            Assert.Equal(waiters.Order(StringComparer.Ordinal), served.Order(StringComparer.Ordinal));
    });

    [Fact]
    public async Task S24_The_lease_of_a_waiter_begins_no_earlier_than_it_says()
    {
        (string key, string holder, string waiter) = (NewKey(), NewId(), NewId());
        await TakeAsync(Store, key, holder);
        long sent = Clock.GetTimestamp();
        Task<AcquireReply> waiting = QueueAsync(NewStore(), key, waiter);
        await Eventually.SettleAsync();
        await AdvanceAsync(ShortTtl);
        await Store.TryReleaseAsync(key, holder, CancellationToken.None);
        AcquireReply reply = await Eventually.DoneAsync(waiting, "the waiter's grant");
        Assert.InRange(reply.QueuedFor, TimeSpan.Zero, Clock.GetElapsedTime(sent));

        // The engine counts on the lease until sent + queued + ttl: it must not have ended by then.
        TimeSpan remaining = (await Store.GetAsync(key, CancellationToken.None))!.Remaining;
        Assert.True(Clock.GetElapsedTime(sent) + remaining + Margin >= reply.QueuedFor + LongTtl,
            "the lease ends before the holder thinks");
    }

    /// <summary>Waits for a lock in the store's own queue, or, where it has none, as the engine does: asking again and again.</summary>
    private Task<AcquireReply> QueueAsync(
        ILockStore store, string key, string id, TimeSpan? atMost = null, TimeSpan? ttl = null,
        CancellationToken cancellationToken = default)
    {
        Task<AcquireReply> queued = StandAsync(store, key, id, atMost, ttl, cancellationToken);
        // A test that has failed waits for nobody any more.
        _ = queued.ContinueWith(static ended => ended.Exception, TaskScheduler.Default);
        return queued;
    }

    private async Task<AcquireReply> StandAsync(ILockStore store, string key, string id, TimeSpan? atMost, TimeSpan? ttl,
        CancellationToken cancellationToken)
    {
        TimeSpan longest = atMost ?? Timeout.InfiniteTimeSpan;
        var request = new AcquireRequest(key, id, "tester", ttl ?? LongTtl) { Queue = true };
        if (store is IWaitingStore queue)
            return await queue.AcquireAsync(request, longest, cancellationToken);
        long since = Clock.GetTimestamp();
        while (true)
        {
            bool last = longest != Timeout.InfiniteTimeSpan && Clock.GetElapsedTime(since) >= longest;
            // Given up between two requests: one that is cancelled under way may still arrive, later than the release (S27).
            AcquireReply reply = await store.TryAcquireAsync(request, CancellationToken.None);
            if (reply.IsGranted)
                return reply;
            if (last)
            {
                await store.TryReleaseAsync(key, id, CancellationToken.None);
                return reply;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, cancellationToken);
        }
    }
}
