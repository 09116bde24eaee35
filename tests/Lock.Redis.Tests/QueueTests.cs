using Locking.Conformance;

namespace Locking;

/// <summary>Fair locks: first in, first out between processes, on the server's clock, with waiters that may die.</summary>
public sealed class QueueTests(RedisFixture redis) : RedisTests(redis), IClassFixture<RedisFixture>
{
    [Fact]
    public async Task Waiters_are_served_in_the_order_of_their_arrival()
    {
        RedisLockStore[] stores = new[] { NewStore(), NewStore(), NewStore() };
        (string key, string holder) = (NewKey(), NewId());
        await TakeAsync(stores[0], key, holder);
        var waiters = Enumerable.Range(0, 9).Select(_ => NewId()).ToList();
        for (int i = 0; i < waiters.Count; i++)
            Assert.False((await AskAsync(stores[i % 3], key, waiters[i], queue: true)).IsGranted);
        await ReleaseAsync(stores[0], key, holder);
        for (int i = 0; i < waiters.Count; i++)
        {
            // Everybody but the head asks first, in the worst order.
            for (int j = waiters.Count - 1; j > i; j--)
            {
                AcquireReply busy = await AskAsync(stores[j % 3], key, waiters[j], queue: true);
                Assert.False(busy.IsGranted, $"waiter {j} passed waiter {i}");
                Assert.InRange(busy.HolderRemaining!.Value.TotalMilliseconds, 0, 500);
                Assert.False(busy.IsStranger);
            }

            Assert.True((await AskAsync(stores[i % 3], key, waiters[i], queue: true)).IsGranted);
            await ReleaseAsync(stores[i % 3], key, waiters[i]);
        }
    }

    [Fact]
    public async Task A_newcomer_that_does_not_queue_passes_nobody()
    {
        RedisLockStore store = NewStore();
        (string key, string holder, string waiter) = (NewKey(), NewId(), NewId());
        await TakeAsync(store, key, holder);
        await AskAsync(store, key, waiter, queue: true);
        await ReleaseAsync(store, key, holder);
        Assert.False((await AskAsync(store, key, NewId())).IsGranted);
        Assert.True((await AskAsync(store, key, waiter, queue: true)).IsGranted);
    }

    [Fact]
    public async Task A_dead_head_costs_its_window_and_no_more()
    {
        RedisLockStore store = NewStore();
        (string key, string holder, string dead, string alive) = (NewKey(), NewId(), NewId(), NewId());
        await TakeAsync(store, key, holder);
        await AskAsync(store, key, dead, queue: true);
        await AskAsync(store, key, alive, queue: true);
        await ReleaseAsync(store, key, holder);
        AcquireReply busy = await AskAsync(store, key, alive, queue: true);
        Assert.InRange(busy.HolderRemaining!.Value.TotalMilliseconds, 1, 500);
        await Task.Delay(busy.HolderRemaining.Value + TimeSpan.FromMilliseconds(2));
        Assert.True((await AskAsync(store, key, alive, queue: true)).IsGranted);
        // The one that was thought dead has lost its place, and may queue again.
        Assert.False((await AskAsync(store, key, dead, queue: true)).IsGranted);
        await ReleaseAsync(store, key, alive);
        Assert.True((await AskAsync(store, key, dead, queue: true)).IsGranted);
    }

    [Fact]
    public async Task The_window_of_a_lease_that_ran_out_begins_with_the_first_that_asks()
    {
        RedisLockStore store = NewStore();
        (string key, string head, string next) = (NewKey(), NewId(), NewId());
        await TakeAsync(store, key, NewId());
        await AskAsync(store, key, head, queue: true);
        await AskAsync(store, key, next, queue: true);
        await CommandAsync("PEXPIRE", key, "1");
        await Eventually.TrueAsync(async () => await store.GetAsync(key, CancellationToken.None) is null, "the lease's end");
        Assert.False((await AskAsync(store, key, next, queue: true)).IsGranted);
        Assert.True((await AskAsync(store, key, head, queue: true)).IsGranted);
    }

    [Fact]
    public async Task Giving_up_gives_up_the_place_and_wakes_the_next()
    {
        RedisLockStore store = NewStore();
        (string key, string holder, string first, string second) = (NewKey(), NewId(), NewId(), NewId());
        await TakeAsync(store, key, holder);
        await AskAsync(store, key, first, queue: true);
        await AskAsync(store, key, second, queue: true);
        await ReleaseAsync(store, key, holder);
        await using IReleaseWatch watch = await NewStore().WatchAsync(key, CancellationToken.None);
        await Eventually.SettleAsync();
        // It had been made the holder.
        Assert.Equal(StoreReply.Done, await ReleaseAsync(store, key, first));
        Assert.True(await watch.WaitAsync(Eventually.Patience, CancellationToken.None));
        Assert.Equal(second, await HolderAsync(Server, key));
        Assert.True((await AskAsync(store, key, second, queue: true)).IsGranted);
    }

    [Fact]
    public async Task Giving_up_a_place_leaves_the_holder_alone()
    {
        RedisLockStore store = NewStore();
        (string key, string holder, string waiter) = (NewKey(), NewId(), NewId());
        await TakeAsync(store, key, holder);
        await AskAsync(store, key, waiter, queue: true);
        Assert.Equal(StoreReply.HeldByAnother, await ReleaseAsync(store, key, waiter));
        Assert.Equal(holder, (await store.GetAsync(key, CancellationToken.None))!.Id);
        await ReleaseAsync(store, key, holder);
        Assert.True((await AskAsync(store, key, NewId())).IsGranted);
    }

    [Fact]
    public async Task A_stranger_finds_no_lock_between_a_release_and_the_head()
    {
        RedisLockStore store = NewStore();
        (string key, string holder, string head) = (NewKey(), NewId(), NewId());
        await TakeAsync(store, key, holder);
        await AskAsync(store, key, head, queue: true);
        await ReleaseAsync(store, key, holder);
        Assert.Null(await CommandAsync("SET", key, "stranger", "NX"));
        Assert.True((await AskAsync(store, key, head, queue: true)).IsGranted);
    }

    [Fact]
    public async Task The_head_that_waits_behind_a_stranger_is_served_first_when_that_has_gone_without_a_word()
    {
        RedisLockStore store = NewStore();
        (string key, string head, string next) = (NewKey(), NewId(), NewId());
        await CommandAsync("SET", key, "stranger");
        Assert.True((await AskAsync(store, key, head, queue: true)).IsStranger);
        Assert.True((await AskAsync(store, key, next, queue: true)).IsStranger);
        Assert.Equal("stranger", await CommandAsync("GET", key));
        await CommandAsync("DEL", key);
        Assert.False((await AskAsync(store, key, next, queue: true)).IsGranted);
        Assert.True((await AskAsync(store, key, head, queue: true)).IsGranted);
    }

    [Fact]
    public async Task Who_waits_for_another_lock_does_not_shorten_the_patience_with_fair_waiters()
    {
        RedisLockStore store = NewStore();
        string key = NewKey();
        await TakeAsync(store, key, NewId());
        await AskAsync(store, key, NewId(), queue: true);
        await using IReleaseWatch watch = await ((IReleaseSignal)store).WatchAsync(key, CancellationToken.None);
        Assert.False((await AskAsync(store, key, NewId())).IsGranted);
        Assert.InRange(
            (long)(await CommandAsync("EVAL", @"return redis.call('pttl', redis.call('keys', ARGV[1] .. '\255l*')[1])", "0",
                key))!, 3_000_000, 3_600_000);
    }

    [Fact]
    public async Task Fair_locks_of_several_processes_take_turns_and_survive_a_waiter_that_vanishes()
    {
        string key = NewKey();
        var fair = new RedisLockSettings { Fair = true };
        var processes = Enumerable.Range(0, 4).Select(_ => Track(new StoreLock(NewStore(fair)))).ToList();
        ILockHandle holder = await processes[0].LockAsync(key);
        var order = new List<int>();
        var waiting = new List<Task>();
        for (int i = 1; i < processes.Count; i++)
        {
            waiting.Add(TurnAsync(i));
            int queued = i == 1 ? 1 : i + 1;
            await Eventually.TrueAsync(async () => await WaitersAsync(key) == queued, "queued");
            // After the first, one that queues and is never heard of again.
            if (i == 1)
                await AskAsync(NewStore(), key, NewId(), queue: true);
        }

        long released = TimeProvider.System.GetTimestamp();
        await holder.UnlockAsync();
        await Eventually.DoneAsync(Task.WhenAll(waiting), "all turns");
        Assert.Equal([1, 2, 3], order);
        Assert.True(TimeProvider.System.GetElapsedTime(released) >= TimeSpan.FromMilliseconds(450),
            "the one that vanished was not waited for");

        async Task TurnAsync(int process)
        {
            await using ILockHandle handle = await processes[process].LockAsync(key);
            lock (order)
                order.Add(process);
        }
    }

}
