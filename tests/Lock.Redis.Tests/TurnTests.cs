using Locking.Conformance;

namespace Locking;

/// <summary>Waiters of different processes take turns; who comes by, and who is dead, changes little.</summary>
public sealed class TurnTests(RedisFixture redis) : RedisTests(redis), IClassFixture<RedisFixture>
{
    [Fact]
    public async Task A_release_is_for_the_one_that_has_waited_longest()
    {
        var (first, second) = (NewStore(), NewStore());
        var (key, holder, longest, other) = (NewKey(), NewId(), NewId(), NewId());
        // The server learns the scripts.
        await TakeAsync(first, key, other);
        await ReleaseAsync(first, key, other);
        await TakeAsync(first, key, holder);
        await using var firstWatch = await ((IReleaseSignal)first).WatchAsync(key, CancellationToken.None);
        await using var secondWatch = await ((IReleaseSignal)second).WatchAsync(key, CancellationToken.None);
        Assert.False((await AskAsync(first, key, longest)).IsGranted);
        Assert.False((await AskAsync(second, key, other)).IsGranted);
        // Right behind each other on one connection, so that no pause of this process lets the moment pass in between.
        var (releasing, asking) = (ReleaseAsync(second, key, holder), AskAsync(second, key, other));
        Assert.Equal(StoreReply.Done, await releasing);
        var kept = await asking;
        Assert.False(kept.IsGranted);
        Assert.False(kept.IsStranger);
        Assert.InRange(kept.HolderRemaining!.Value.TotalMilliseconds, 0, 10);
        Assert.True(await firstWatch.WaitAsync(TimeSpan.FromSeconds(10), CancellationToken.None));
        // Later than its moment the head may find the lock gone; asked by itself it has it.
        Assert.True((await AskAsync(first, key, longest)).IsGranted);
        await ReleaseAsync(first, key, longest);
        Assert.True((await AskAsync(second, key, other)).IsGranted);
        await ReleaseAsync(second, key, other);
    }

    [Fact]
    public async Task Who_only_comes_by_takes_a_free_lock()
    {
        var (waiting, passing) = (NewStore(), NewStore());
        var (key, holder, waiter, passer) = (NewKey(), NewId(), NewId(), NewId());
        await TakeAsync(waiting, key, holder);
        await using var watch = await ((IReleaseSignal)waiting).WatchAsync(key, CancellationToken.None);
        Assert.False((await AskAsync(waiting, key, waiter)).IsGranted);
        await ReleaseAsync(waiting, key, holder);
        Assert.True((await AskAsync(passing, key, passer)).IsGranted);
        await ReleaseAsync(passing, key, passer);
    }

    [Fact]
    public async Task A_waiter_that_was_named_and_does_not_come_delays_the_others_by_a_moment()
    {
        var (dead, alive) = (NewStore(), NewStore());
        var (key, holder) = (NewKey(), NewId());
        await TakeAsync(alive, key, holder);
        // It waits, is named, and never asks again.
        await using var ear = await ((IReleaseSignal)dead).WatchAsync(key, CancellationToken.None);
        Assert.False((await AskAsync(dead, key, NewId())).IsGranted);
        var locks = Track(new StoreLock(alive, new LockOptions { PollInterval = TimeSpan.FromMinutes(10) }));
        var waiting = locks.LockAsync(key).AsTask();
        await Eventually.TrueAsync(async () => await WaitersAsync(key) == 2, "both wait");
        await ReleaseAsync(alive, key, holder);
        await using var handle = await Eventually.DoneAsync(waiting, "the turn of the one that lives");
        // It was the first one's place that ended, not the line.
        Assert.Equal(0, await WaitersAsync(key));
    }

    [Fact]
    public async Task A_waiter_that_gives_up_leaves_the_line()
    {
        var (holding, leaving) = (NewStore(), NewStore());
        var (key, holder) = (NewKey(), NewId());
        await TakeAsync(holding, key, holder);
        var locks = Track(new StoreLock(leaving));
        Assert.Null(await locks.TryLockAsync(key, new LockOptions { WaitTimeout = TimeSpan.FromMilliseconds(200) }));
        await Eventually.TrueAsync(async () => await WaitersAsync(key) == 0, "the line is empty");
        await ReleaseAsync(holding, key, holder);
    }

    [Fact]
    public async Task Who_comes_by_in_a_process_that_waits_is_no_waiter()
    {
        var store = NewStore();
        var (key, holder, waiter, passer) = (NewKey(), NewId(), NewId(), NewId());
        await TakeAsync(store, key, holder);
        await using var watch = await ((IReleaseSignal)store).WatchAsync(key, CancellationToken.None);
        Assert.False((await AskAsync(store, key, waiter)).IsGranted);
        Assert.False((await AskAsync(store, key, passer)).IsGranted);
        Assert.Equal(1, await WaitersAsync(key));
        await ReleaseAsync(store, key, holder);
        Assert.True((await AskAsync(store, key, passer)).IsGranted);
        await ReleaseAsync(store, key, passer);
        Assert.True((await AskAsync(store, key, waiter)).IsGranted);
        await ReleaseAsync(store, key, waiter);
    }

    [Fact]
    public async Task Of_two_waiters_of_a_process_the_one_that_gives_up_leaves_the_line()
    {
        var (holding, waiting) = (NewStore(), NewStore());
        var (key, holder, stays) = (NewKey(), NewId(), NewId());
        await TakeAsync(holding, key, holder);
        await using var staying = await ((IReleaseSignal)waiting).WatchAsync(key, CancellationToken.None);
        Assert.False((await AskAsync(waiting, key, stays)).IsGranted);
        var leaving = await ((IReleaseSignal)waiting).WatchAsync(key, CancellationToken.None);
        Assert.False((await AskAsync(waiting, key, NewId())).IsGranted);
        Assert.Equal(2, await WaitersAsync(key));
        await leaving.DisposeAsync();
        await Eventually.TrueAsync(async () => await WaitersAsync(key) == 1, "one left");
        await ReleaseAsync(holding, key, holder);
        Assert.True(await staying.WaitAsync(TimeSpan.FromSeconds(10), CancellationToken.None));
        Assert.True((await AskAsync(waiting, key, stays)).IsGranted);
        Assert.Equal(0, await WaitersAsync(key));
    }

    [Fact]
    public async Task The_next_waiter_of_a_process_keeps_its_place_when_the_one_before_stops_listening()
    {
        var store = NewStore();
        var (key, holder, first, second) = (NewKey(), NewId(), NewId(), NewId());
        await TakeAsync(store, key, holder);
        var served = await ((IReleaseSignal)store).WatchAsync(key, CancellationToken.None);
        Assert.False((await AskAsync(store, key, first)).IsGranted);
        await ReleaseAsync(store, key, holder);
        Assert.True((await AskAsync(store, key, first)).IsGranted);
        await using var watch = await ((IReleaseSignal)store).WatchAsync(key, CancellationToken.None);
        Assert.False((await AskAsync(store, key, second)).IsGranted);
        await served.DisposeAsync();
        // Behind whatever that sent on the same connection.
        Assert.Equal(first, (await store.GetAsync(key, CancellationToken.None))!.Id);
        Assert.Equal(1, await WaitersAsync(key));
        await ReleaseAsync(store, key, first);
        Assert.True((await AskAsync(store, key, second)).IsGranted);
    }

    [Fact]
    public async Task A_waiter_that_gives_up_in_the_moment_it_is_named_leaves_the_lock_to_the_next()
    {
        var (holding, leaving) = (NewStore(), NewStore());
        var (key, holder) = (NewKey(), NewId());
        await TakeAsync(holding, key, holder);
        var named = await ((IReleaseSignal)leaving).WatchAsync(key, CancellationToken.None);
        Assert.False((await AskAsync(leaving, key, NewId())).IsGranted);
        var locks = Track(new StoreLock(NewStore(), new LockOptions { PollInterval = TimeSpan.FromHours(1) }));
        var next = locks.LockAsync(key).AsTask();
        await Eventually.TrueAsync(async () => await WaitersAsync(key) == 2, "both wait");
        await ReleaseAsync(holding, key, holder);
        await named.DisposeAsync();
        await using var handle = await Eventually.DoneAsync(next, "the next one's turn");
    }

    [Fact]
    public async Task Many_waiters_that_died_delay_a_release_by_one_moment_together()
    {
        const int Dead = 20;
        var (holding, dead) = (NewStore(), NewStore());
        var (key, holder) = (NewKey(), NewId());
        await TakeAsync(holding, key, holder);
        for (var i = 0; i < Dead; i++)
        {
            Track(await ((IReleaseSignal)dead).WatchAsync(key, CancellationToken.None));
            Assert.False((await AskAsync(dead, key, NewId())).IsGranted);
        }

        var locks = Track(new StoreLock(NewStore(), new LockOptions { PollInterval = TimeSpan.FromHours(1) }));
        var waiting = locks.LockAsync(key).AsTask();
        await Eventually.TrueAsync(async () => await WaitersAsync(key) == Dead + 1, "all wait");
        await ReleaseAsync(holding, key, holder);
        await using var handle = await Eventually.DoneAsync(waiting, "the turn of the one that lives");
        // The one that was told to come and did not. It was not waited for the others, which nobody has told.
        Assert.Equal(Dead - 1, await WaitersAsync(key));
    }

    [Fact]
    public async Task A_waiter_that_died_loses_its_place_although_somebody_came_by_in_its_moment()
    {
        var (dead, alive) = (NewStore(), NewStore());
        var (key, holder, passer, silent, living) = (NewKey(), NewId(), NewId(), NewId(), NewId());
        await TakeAsync(alive, key, holder);
        await using var deadWatch = await ((IReleaseSignal)dead).WatchAsync(key, CancellationToken.None);
        Assert.False((await AskAsync(dead, key, silent)).IsGranted);
        await using var watch = await ((IReleaseSignal)alive).WatchAsync(key, CancellationToken.None);
        Assert.False((await AskAsync(alive, key, living)).IsGranted);
        await ReleaseAsync(alive, key, holder);
        await TakeAsync(NewStore(), key, passer);
        await Eventually.TrueAsync(async () => await IsMomentOverAsync(key), "the end of the moment");
        Assert.False((await AskAsync(alive, key, living)).IsGranted);
        Assert.Equal(1, await WaitersAsync(key));
        await ReleaseAsync(NewStore(), key, passer);
        Assert.True((await AskAsync(alive, key, living)).IsGranted);
    }

    [Fact]
    public async Task A_waiter_that_comes_late_because_somebody_came_by_keeps_its_place()
    {
        var (first, second) = (NewStore(), NewStore());
        var (key, holder, passer, longest, other) = (NewKey(), NewId(), NewId(), NewId(), NewId());
        await TakeAsync(first, key, holder);
        await using var firstWatch = await ((IReleaseSignal)first).WatchAsync(key, CancellationToken.None);
        Assert.False((await AskAsync(first, key, longest)).IsGranted);
        await using var secondWatch = await ((IReleaseSignal)second).WatchAsync(key, CancellationToken.None);
        Assert.False((await AskAsync(second, key, other)).IsGranted);
        await ReleaseAsync(first, key, holder);
        await TakeAsync(NewStore(), key, passer);
        await Eventually.TrueAsync(async () => await IsMomentOverAsync(key), "the end of the moment");
        Assert.False((await AskAsync(first, key, longest)).IsGranted);
        Assert.False((await AskAsync(second, key, other)).IsGranted);
        Assert.Equal(2, await WaitersAsync(key));
        await ReleaseAsync(NewStore(), key, passer);
        Assert.True((await AskAsync(first, key, longest)).IsGranted);
    }

    [Fact]
    public async Task The_head_of_a_fair_queue_need_not_wait_for_those_of_the_line()
    {
        var (fair, line) = (NewStore(), NewStore());
        var (key, holder, head) = (NewKey(), NewId(), NewId());
        await TakeAsync(line, key, holder);
        for (var i = 0; i < 3; i++)
        {
            Track(await ((IReleaseSignal)line).WatchAsync(key, CancellationToken.None));
            Assert.False((await AskAsync(line, key, NewId())).IsGranted);
        }

        await using var watch = await ((IReleaseSignal)fair).WatchAsync(key, CancellationToken.None);
        Assert.False((await AskAsync(fair, key, head, queue: true)).IsGranted);
        await ReleaseAsync(line, key, holder);
        Assert.True(await watch.WaitAsync(Eventually.Patience, CancellationToken.None));
        Assert.True((await AskAsync(fair, key, head, queue: true)).IsGranted);
    }

    [Theory]
    [InlineData(LockFormats.Native)]
    [InlineData(LockFormats.DistLock)]
    [InlineData(LockFormats.RedLockNet)]
    [InlineData(LockFormats.SimpleRedisMutex)]
    public async Task A_flush_while_they_wait_forgets_the_line_and_no_waiter(string format)
    {
        var options = new RedisLockSettings { Format = format };
        var holding = NewStore(options);
        var (key, holder, passer) = (NewKey(), NewId(), NewId());
        await TakeAsync(holding, key, holder);
        var waiting = new List<(RedisLockStore Store, IReleaseWatch Watch, string Id)>();
        for (var i = 0; i < 3; i++)
        {
            var store = NewStore(options);
            waiting.Add((store, Track(await ((IReleaseSignal)store).WatchAsync(key, CancellationToken.None)), NewId()));
            Assert.False((await AskAsync(store, key, waiting[i].Id)).IsGranted);
        }

        await CommandAsync("FLUSHALL");
        await TakeAsync(holding, key, passer);
        await ReleaseAsync(holding, key, passer);
        foreach (var (_, watch, _) in waiting)
            Assert.True(await watch.WaitAsync(Eventually.Patience, CancellationToken.None));
        // The last is as good as the first: the line is forgotten.
        Assert.True((await AskAsync(waiting[2].Store, key, waiting[2].Id)).IsGranted);
        Assert.False((await AskAsync(waiting[1].Store, key, waiting[1].Id)).IsGranted);
        await ReleaseAsync(waiting[2].Store, key, waiting[2].Id);
        Assert.True(await waiting[1].Watch.WaitAsync(TimeSpan.FromSeconds(10), CancellationToken.None));
        Assert.True((await AskAsync(waiting[1].Store, key, waiting[1].Id)).IsGranted);
    }

    /// <summary>Whether the moment is over for which the lock was offered to the head of the line.</summary>
    private async Task<bool> IsMomentOverAsync(string key) => (long)(await CommandAsync(
        "EVAL",
        @"local head = redis.call('zrange', ARGV[1] .. '\255{' .. ARGV[1] .. '}\255w', 0, 0, 'withscores')
        local time = redis.call('time')
        return tonumber(head[2]) < 0 and -tonumber(head[2]) < time[1] * 1000 + math.floor(time[2] / 1000) and 1 or 0",
        "0",
        key))! == 1;

    private async Task<long> WaitersAsync(string key) =>
        (long)(await CommandAsync("EVAL", @"return redis.call('zcard', ARGV[1] .. '\255{' .. ARGV[1] .. '}\255w')", "0", key))!;
}
