using Locking.Conformance;
using Locking.Testing;

namespace Locking;

/// <summary>Waiters of different processes take turns; who comes by, and who is dead, changes little.</summary>
public sealed class TurnTests(RedisFixture redis) : RedisTests(redis), IClassFixture<RedisFixture>
{
    [Fact]
    public async Task A_release_makes_the_one_that_has_waited_longest_the_holder()
    {
        (RedisLockStore first, RedisLockStore second) = (NewStore(), NewStore());
        (string key, string holder, string longest, string other) = (NewKey(), NewId(), NewId(), NewId());
        await LearnAsync(first);
        long earlier = await TakeAsync(first, key, holder);
        await using IReleaseWatch firstWatch = await ((IReleaseSignal)first).WatchAsync(key, CancellationToken.None);
        await using IReleaseWatch secondWatch = await ((IReleaseSignal)second).WatchAsync(key, CancellationToken.None);
        Assert.False((await AskAsync(first, key, longest)).IsGranted);
        Assert.False((await AskAsync(second, key, other)).IsGranted);
        // Right behind each other on one connection, so that no pause of this process lets its time pass in between.
        (Task<StoreReply> releasing, ValueTask<LockInfo?> looking, Task<AcquireReply> asking) =
            (ReleaseAsync(second, key, holder), second.GetAsync(key, CancellationToken.None), AskAsync(second, key, other));
        Assert.Equal(StoreReply.Done, await releasing);
        LockInfo made = (await looking)!;
        Assert.Equal(longest, made.Id);
        Assert.True(made.FencingToken > earlier);
        Assert.InRange(made.Remaining.TotalMilliseconds, 1, 50);
        AcquireReply kept = await asking;
        Assert.False(kept.IsGranted);
        Assert.False(kept.IsStranger);
        Assert.InRange(kept.HolderRemaining!.Value.TotalMilliseconds, 0, 50);
        Assert.True(await firstWatch.WaitAsync(TimeSpan.FromSeconds(10), CancellationToken.None));
    }

    [Fact]
    public async Task Who_was_made_the_holder_asks_for_its_ttl_and_keeps_its_token()
    {
        // A window that nothing of this process can outlast.
        RedisLockStore store = NewStore();
        (string key, string holder, string next, string passer) = (NewKey(), NewId(), NewId(), NewId());
        await LearnAsync(store);
        await TakeAsync(store, key, holder);
        await AskAsync(store, key, next, queue: true);
        (Task<StoreReply> releasing, ValueTask<LockInfo?> looking, Task<AcquireReply> asking) =
            (ReleaseAsync(store, key, holder), store.GetAsync(key, CancellationToken.None), AskAsync(store, key, next, queue: true));
        await releasing;
        LockInfo made = (await looking)!;
        AcquireReply reply = await asking;
        Assert.True(reply.IsGranted);
        Assert.Equal(made.FencingToken, reply.FencingToken);
        LockInfo held = (await store.GetAsync(key, CancellationToken.None))!;
        Assert.Equal((next, "tester", made.FencingToken), (held.Id, held.Owner, held.FencingToken));
        Assert.InRange(held.Remaining, TimeSpan.FromSeconds(30), LongTtl);
        Assert.False((await AskAsync(NewStore(), key, passer)).IsGranted);
    }

    [Fact]
    public async Task Nothing_is_published_and_nothing_kept_when_nobody_waits()
    {
        await using RedisServer server = await Testing.RedisServer.StartAsync();
        await using ILockStore store = RedisFixture.StoreAt(server.Port);
        (string key, string id) = (NewKey(), NewId());
        await using RawRedis monitor = await server.RawAsync();
        Assert.Equal("OK", await monitor.CommandAsync("MONITOR"));
        await TakeAsync(store, key, id);
        Assert.False((await AskAsync(store, key, NewId())).IsGranted);
        await ReleaseAsync(store, key, id);
        await server.CommandAsync("ECHO", "end");
        while ((string)(await monitor.ReadAsync())! is var line && !line.Contains("\"end\"", StringComparison.Ordinal))
            Assert.DoesNotContain("lua] \"publish\"", line, StringComparison.OrdinalIgnoreCase);
        // The counter of the slot.
        Assert.Equal(1L, await server.CommandAsync("DBSIZE"));
    }

    [Fact]
    public async Task A_waiter_that_was_named_and_does_not_come_delays_the_others_by_a_moment()
    {
        (RedisLockStore dead, RedisLockStore alive) = (NewStore(), NewStore());
        (string key, string holder) = (NewKey(), NewId());
        await TakeAsync(alive, key, holder);
        // It waits, is named, and never asks again.
        await using IReleaseWatch ear = await ((IReleaseSignal)dead).WatchAsync(key, CancellationToken.None);
        Assert.False((await AskAsync(dead, key, NewId())).IsGranted);
        StoreLock locks = Track(new StoreLock(alive, new LockOptions { PollInterval = TimeSpan.FromMinutes(10) }));
        Task<ILockHandle> waiting = locks.LockAsync(key).AsTask();
        await Eventually.TrueAsync(async () => await WaitersAsync(key) == 2, "both wait");
        await ReleaseAsync(alive, key, holder);
        await using ILockHandle handle = await Eventually.DoneAsync(waiting, "the turn of the one that lives");
        // It was the first one's place that ended, not the line.
        Assert.Equal(0, await WaitersAsync(key));
    }

    [Fact]
    public async Task Many_waiters_that_died_delay_a_release_by_one_moment_together()
    {
        const int Dead = 20;
        (RedisLockStore holding, RedisLockStore dead) = (NewStore(), NewStore());
        (string key, string holder) = (NewKey(), NewId());
        await TakeAsync(holding, key, holder);
        for (int i = 0; i < Dead; i++)
        {
            Track(await ((IReleaseSignal)dead).WatchAsync(key, CancellationToken.None));
            Assert.False((await AskAsync(dead, key, NewId())).IsGranted);
        }

        StoreLock locks = Track(new StoreLock(NewStore(), new LockOptions { PollInterval = TimeSpan.FromHours(1) }));
        Task<ILockHandle> waiting = locks.LockAsync(key).AsTask();
        await Eventually.TrueAsync(async () => await WaitersAsync(key) == Dead + 1, "all wait");
        await ReleaseAsync(holding, key, holder);
        await using ILockHandle handle = await Eventually.DoneAsync(waiting, "the turn of the one that lives");
        // The one that was told to come and did not. It was not waited for the others, which nobody has told.
        Assert.Equal(Dead - 1, await WaitersAsync(key));
    }

    [Fact]
    public async Task Who_comes_too_late_stands_at_the_end_of_the_line()
    {
        (RedisLockStore late, RedisLockStore timely) = (NewStore(), NewStore());
        (string key, string holder, string first, string second) = (NewKey(), NewId(), NewId(), NewId());
        await LearnAsync(timely);
        await TakeAsync(timely, key, holder);
        await using IReleaseWatch lateWatch = await ((IReleaseSignal)late).WatchAsync(key, CancellationToken.None);
        Assert.False((await AskAsync(late, key, first)).IsGranted);
        await using IReleaseWatch watch = await ((IReleaseSignal)timely).WatchAsync(key, CancellationToken.None);
        Assert.False((await AskAsync(timely, key, second)).IsGranted);
        await ReleaseAsync(timely, key, holder);
        await Eventually.TrueAsync(async () => await HolderAsync(Server, key) is null, "the end of its time");
        Assert.True((await AskAsync(timely, key, second)).IsGranted);
        // It took the lock out of turn: nothing of it is left in the line, and who waits is told of its release.
        Assert.Equal(0, await WaitersAsync(key));
        Assert.False((await AskAsync(late, key, first)).IsGranted);
        Assert.True(await lateWatch.WaitAsync(TimeSpan.Zero, CancellationToken.None));
        (Task<StoreReply> releasing, ValueTask<LockInfo?> asking) =
            (ReleaseAsync(timely, key, second), late.GetAsync(key, CancellationToken.None));
        await releasing;
        Assert.True(await lateWatch.WaitAsync(Eventually.Patience, CancellationToken.None));
        await asking;
    }

    [Fact]
    public async Task Fair_waiters_and_others_stand_in_one_line()
    {
        (RedisLockStore fair, RedisLockStore other) = (NewStore(), NewStore());
        (string key, string holder, string first, string second) = (NewKey(), NewId(), NewId(), NewId());
        await LearnAsync(other);
        await TakeAsync(other, key, holder);
        await using IReleaseWatch watch = await ((IReleaseSignal)other).WatchAsync(key, CancellationToken.None);
        Assert.False((await AskAsync(other, key, first)).IsGranted);
        Assert.False((await AskAsync(fair, key, second, queue: true)).IsGranted);
        (Task<StoreReply> releasing, ValueTask<LockInfo?> looking, Task<StoreReply> leaving) =
            (ReleaseAsync(other, key, holder), other.GetAsync(key, CancellationToken.None), ReleaseAsync(other, key, first));
        await releasing;
        Assert.Equal(first, (await looking)!.Id);
        await leaving;
        Assert.True((await AskAsync(fair, key, second, queue: true)).IsGranted);
    }

    [Fact]
    public async Task A_lease_that_is_shortened_is_told_to_those_who_wait()
    {
        (RedisLockStore holding, RedisLockStore waiting) = (NewStore(), NewStore());
        (string key, string holder) = (NewKey(), NewId());
        await TakeAsync(holding, key, holder);
        await using IReleaseWatch watch = await ((IReleaseSignal)waiting).WatchAsync(key, CancellationToken.None);
        Assert.False((await AskAsync(waiting, key, NewId())).IsGranted);
        while (await watch.WaitAsync(TimeSpan.FromMilliseconds(300), CancellationToken.None))
        {
            // What a new connection brings.
        }

        Assert.Equal(StoreReply.Done, await holding.TryExtendAsync(key, holder, LongTtl / 2, CancellationToken.None));
        Assert.True(await watch.WaitAsync(Eventually.Patience, CancellationToken.None));
    }

    [Fact]
    public async Task A_renewal_tells_nobody_anything()
    {
        (RedisLockStore holding, RedisLockStore waiting) = (NewStore(), NewStore());
        (string key, string holder) = (NewKey(), NewId());
        await TakeAsync(holding, key, holder);
        await using IReleaseWatch watch = await ((IReleaseSignal)waiting).WatchAsync(key, CancellationToken.None);
        Assert.False((await AskAsync(waiting, key, NewId())).IsGranted);
        while (await watch.WaitAsync(TimeSpan.FromMilliseconds(300), CancellationToken.None))
        {
            // What a new connection brings.
        }

        Assert.Equal(StoreReply.Done, await holding.TryExtendAsync(key, holder, LongTtl * 2, CancellationToken.None));
        Assert.False(await watch.WaitAsync(TimeSpan.FromMilliseconds(300), CancellationToken.None));
    }

    [Fact]
    public async Task Waiters_of_a_server_that_was_flushed_go_on_by_the_safety_net()
    {
        string key = NewKey();
        StoreLock holding = Track(new StoreLock(NewStore(), new LockOptions { Ttl = TimeSpan.FromHours(1) }));
        StoreLock waiting = Track(new StoreLock(NewStore(), new LockOptions { PollInterval = TimeSpan.FromMilliseconds(200) }));
        await using ILockHandle held = await holding.LockAsync(key);
        Task<ILockHandle> waiter = waiting.LockAsync(key).AsTask();
        await Eventually.TrueAsync(async () => await WaitersAsync(key) == 1, "in line");
        await CommandAsync("FLUSHALL");
        await using ILockHandle next = await Eventually.DoneAsync(waiter, "the waiter's lock");
        Assert.True(next.FencingToken > held.FencingToken);
    }

    [Theory]
    [InlineData(LockFormats.Native)]
    [InlineData(LockFormats.DistLock)]
    [InlineData(LockFormats.RedLockNet)]
    [InlineData(LockFormats.SimpleRedisMutex)]
    public async Task A_flush_while_they_wait_forgets_the_line_and_no_waiter(string format)
    {
        var options = new RedisLockSettings { Format = format };
        RedisLockStore holding = NewStore(options);
        (string key, string holder, string passer) = (NewKey(), NewId(), NewId());
        await TakeAsync(holding, key, holder);
        var waiting = new List<(RedisLockStore Store, IReleaseWatch Watch, string Id)>();
        for (int i = 0; i < 3; i++)
        {
            RedisLockStore store = NewStore(options);
            waiting.Add((store, Track(await ((IReleaseSignal)store).WatchAsync(key, CancellationToken.None)), NewId()));
            Assert.False((await AskAsync(store, key, waiting[i].Id)).IsGranted);
        }

        await CommandAsync("FLUSHALL");
        await TakeAsync(holding, key, passer);
        await ReleaseAsync(holding, key, passer);
        // In the native format the new record knows of nobody who waits, and the safety net has to help.
        if (format != LockFormats.Native)
        {
            foreach ((RedisLockStore _, IReleaseWatch watch, string _) in waiting)
                Assert.True(await watch.WaitAsync(Eventually.Patience, CancellationToken.None));
        }

        // The last is as good as the first: the line is forgotten.
        Assert.True((await AskAsync(waiting[2].Store, key, waiting[2].Id)).IsGranted);
        Assert.False((await AskAsync(waiting[1].Store, key, waiting[1].Id)).IsGranted);
        await ReleaseAsync(waiting[2].Store, key, waiting[2].Id);
        Assert.True(await waiting[1].Watch.WaitAsync(TimeSpan.FromSeconds(10), CancellationToken.None));
        Assert.True((await AskAsync(waiting[1].Store, key, waiting[1].Id)).IsGranted);
    }
}
