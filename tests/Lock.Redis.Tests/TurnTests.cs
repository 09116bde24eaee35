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
        await TakeAsync(first, key, holder);
        await using var firstWatch = await ((IReleaseSignal)first).WatchAsync(key, CancellationToken.None);
        await using var secondWatch = await ((IReleaseSignal)second).WatchAsync(key, CancellationToken.None);
        Assert.False((await AskAsync(first, key, longest)).IsGranted);
        Assert.False((await AskAsync(second, key, other)).IsGranted);
        await ReleaseAsync(first, key, holder);
        var kept = await AskAsync(second, key, other);
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

    private async Task<long> WaitersAsync(string key) =>
        (long)(await CommandAsync("EVAL", @"return redis.call('zcard', '{' .. ARGV[1] .. '}\255\255w')", "0", key))!;
}
