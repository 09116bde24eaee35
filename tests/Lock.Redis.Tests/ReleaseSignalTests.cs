using Locking.Conformance;
using Locking.Testing;

namespace Locking;

/// <summary>Waiting without polling: no interleaving of subscription, release and broken connections loses a wake-up.</summary>
public sealed class ReleaseSignalTests(RedisFixture redis) : RedisTests(redis), IClassFixture<RedisFixture>
{
    private static readonly TimeSpan s_soon = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task A_watch_is_listening_when_it_is_handed_out()
    {
        // Each round is a process that has never subscribed, and a release right behind the watch.
        RedisLockStore holder = NewStore();
        for (int round = 0; round < 20; round++)
        {
            (string key, string id) = (NewKey(), NewId());
            await TakeAsync(holder, key, id);
            await using ILockStore store = RedisFixture.StoreAt(Server.Port);
            await using IReleaseWatch watch = await ((IReleaseSignal)store).WatchAsync(key, CancellationToken.None);
            Assert.False((await AskAsync(store, key, NewId())).IsGranted);
            await ReleaseAsync(holder, key, id);
            Assert.True(await watch.WaitAsync(s_soon, CancellationToken.None));
        }
    }

    [Fact]
    public async Task A_process_has_one_subscription_however_many_keys_it_waits_for()
    {
        RedisLockStore store = NewStore();
        await using RawRedis raw = await Server.RawAsync();
        long before = await SubscribersAsync();
        var watches = new List<IReleaseWatch>();
        for (int i = 0; i < 50; i++)
            watches.Add(await store.WatchAsync(NewKey(), CancellationToken.None));
        Assert.Equal(before + 1, await SubscribersAsync());
        foreach (IReleaseWatch watch in watches)
            await watch.DisposeAsync();

        async Task<long> SubscribersAsync() => (long)((object?[])(await raw.CommandAsync("PUBSUB", "NUMSUB", "lock:released"))!)[1]!;
    }

    [Fact]
    public async Task A_notice_is_for_its_key_alone()
    {
        RedisLockStore store = NewStore();
        (string key, string other, string id) = (NewKey(), NewKey(), NewId());
        await TakeAsync(store, key, id);
        await QuietAsync(store);
        await using IReleaseWatch watch = await store.WatchAsync(key, CancellationToken.None);
        await using IReleaseWatch bystander = await store.WatchAsync(other, CancellationToken.None);
        Assert.False((await AskAsync(store, key, NewId())).IsGranted);
        await ReleaseAsync(store, key, id);
        Assert.True(await watch.WaitAsync(s_soon, CancellationToken.None));
        Assert.False(await bystander.WaitAsync(TimeSpan.Zero, CancellationToken.None));
    }

    [Theory]
    [InlineData(LockFormats.Native)]
    [InlineData(LockFormats.RedLockNet)]
    [InlineData(LockFormats.SimpleRedisMutex)]
    [InlineData(LockFormats.DistLock)]
    public async Task A_key_of_any_form_is_recognized_in_its_notice(string format)
    {
        (RedisLockStore holder, RedisLockStore waiter) =
            (NewStore(new RedisLockSettings { Format = format }), NewStore(new RedisLockSettings { Format = format }));
        await QuietAsync(waiter);
        string[] parts =
        [
            "two words", " both ends ", "{braces}", "{}", "a}b", "}{", "a:b::c", "日本語", "Ünïcödé", "🔒", "\"quoted\"", "back\\slash",
            "line\r\nbreak", "\u0001", "<&>",
            new string('x', 1024 - 37), new string('é', 493), new string('語', 329), string.Concat(Enumerable.Repeat("🔒", 246)),
        ];
        foreach (string part in parts)
        {
            // 37 bytes before it, so that the longest have 1,024, or as many as fit.
            string key = $"{Guid.NewGuid()}:{part}";
            Assert.InRange(System.Text.Encoding.UTF8.GetByteCount(key), 38, 1024);
            await using IReleaseWatch watch = await waiter.WatchAsync(key, CancellationToken.None);
            await using IReleaseWatch bystander = await waiter.WatchAsync(NewKey(), CancellationToken.None);
            // Nobody waits, which only the native format knows, and then somebody: with a name behind the record.
            (string first, string second, string id) = (NewId(), NewId(), NewId());
            await TakeAsync(holder, key, first);
            Assert.Equal(StoreReply.Done, await ReleaseAsync(holder, key, first));
            if (format != LockFormats.Native)
                Assert.True(await watch.WaitAsync(s_soon, CancellationToken.None), $"unheard: {part}");
            await TakeAsync(holder, key, second);
            Assert.False((await AskAsync(waiter, key, id)).IsGranted);
            Assert.Equal(StoreReply.Done, await ReleaseAsync(holder, key, second));
            Assert.True(await watch.WaitAsync(s_soon, CancellationToken.None), $"unheard with a name: {part}");
            await TakeAsync(waiter, key, id);
            Assert.Equal(StoreReply.Done, await ReleaseAsync(waiter, key, id));
            Assert.False(await bystander.WaitAsync(TimeSpan.Zero, CancellationToken.None), $"not its key: {part}");
        }
    }

    [Fact]
    public async Task A_broken_subscription_counts_as_a_notice_once_it_stands_again()
    {
        (RedisLockStore holder, RedisLockStore waiter) = (NewStore(), NewStore());
        (string key, string id) = (NewKey(), NewId());
        await TakeAsync(holder, key, id);
        await using IReleaseWatch watch = await waiter.WatchAsync(key, CancellationToken.None);
        string asking = NewId();
        for (int round = 0; round < 3; round++)
        {
            Assert.False((await AskAsync(waiter, key, asking)).IsGranted);
            Assert.True((long)(await CommandAsync("CLIENT", "KILL", "TYPE", "pubsub"))! >= 1);
            // Released while nobody listens.
            await ReleaseAsync(holder, key, id);
            Assert.True(await watch.WaitAsync(s_soon, CancellationToken.None), "the interruption was not told");
            await ReleaseAsync(waiter, key, asking);
            await TakeAsync(holder, key, id);
            Assert.False((await AskAsync(waiter, key, asking)).IsGranted);
            // And the subscription that came back works.
            while (await watch.WaitAsync(TimeSpan.FromMilliseconds(300), CancellationToken.None))
            {
            }

            await ReleaseAsync(holder, key, id);
            Assert.True(await watch.WaitAsync(s_soon, CancellationToken.None), "the new subscription is deaf");
            await ReleaseAsync(waiter, key, asking);
            await TakeAsync(holder, key, id);
        }
    }

    /// <summary>A connection that has only just come to stand counts as one that was interrupted, and every watch is told: lets that
    /// pass.</summary>
    private static async Task QuietAsync(RedisLockStore store)
    {
        await using IReleaseWatch watch = await store.WatchAsync(NewKey(), CancellationToken.None);
        while (await watch.WaitAsync(TimeSpan.FromMilliseconds(300), CancellationToken.None))
        {
        }
    }

    [Fact]
    public async Task Waiters_get_their_locks_while_subscriptions_are_killed_again_and_again()
    {
        string key = NewKey();
        // No safety net that could hide a lost wake-up.
        var options = new LockOptions { PollInterval = TimeSpan.FromMinutes(10), Ttl = TimeSpan.FromMinutes(10) };
        var processes = Enumerable.Range(0, 3).Select(_ => Track(new StoreLock(NewStore(), options))).ToList();
        using var stop = new CancellationTokenSource();
        var killer = Task.Run(async () =>
        {
            await using RawRedis raw = await Server.RawAsync();
            while (!stop.IsCancellationRequested)
            {
                await raw.CommandAsync("CLIENT", "KILL", "TYPE", "pubsub");
                await Task.Delay(Random.Shared.Next(20, 400));
            }
        });
        int holders = 0;
        IEnumerable<Task> work = processes.Select(locks => Task.Run(async () =>
        {
            for (int turn = 0; turn < 15; turn++)
            {
                await using ILockHandle handle = await locks.LockAsync(key);
                Assert.Equal(1, Interlocked.Increment(ref holders));
                await Task.Delay(5);
                Interlocked.Decrement(ref holders);
            }
        }));
        await Eventually.DoneAsync(Task.WhenAll(work), "all turns under fire", TimeSpan.FromSeconds(60));
        await stop.CancelAsync();
        await killer;
    }

    [Fact]
    public async Task A_waiter_recovers_by_itself_when_the_server_was_killed_and_is_back()
    {
        await using RedisServer server = await Testing.RedisServer.StartAsync();
        string key = NewKey();
        await using var holding = new StoreLock(RedisFixture.StoreAt(server.Port));
        await using var waiting = new StoreLock(RedisFixture.StoreAt(server.Port));
        ILockHandle held = await holding.LockAsync(key);
        Task<ILockHandle> waiter = waiting.LockAsync(key).AsTask();
        await Eventually.TrueAsync(async () =>
            (long)((object?[])(await server.CommandAsync("PUBSUB", "NUMSUB", "lock:released"))!)[1]! == 1, "subscribed");
        server.Kill();
        await server.StartAgainAsync();
        // The server has forgotten the lock: the holder is told, the waiter gets it.
        await using ILockHandle next = await Eventually.DoneAsync(waiter, "the waiter's lock");
        Assert.True(next.FencingToken > held.FencingToken);
        await Eventually.TrueAsync(() => held.LostToken.IsCancellationRequested, "the loss");
    }

    [Fact]
    public async Task Parked_waiters_ask_the_server_nothing_within_the_safety_net()
    {
        string key = NewKey();
        var options = new LockOptions { PollInterval = TimeSpan.FromMinutes(1), Ttl = TimeSpan.FromMinutes(10) };
        var processes = Enumerable.Range(0, 4).Select(_ => Track(new StoreLock(NewStore(), options))).ToList();
        ILockHandle held = await processes[0].LockAsync(key);
        var waiters = processes.Skip(1).Select(locks => locks.LockAsync(key).AsTask()).ToList();
        await Eventually.TrueAsync(
            async () => (long)((object?[])(await CommandAsync("PUBSUB", "NUMSUB", "lock:released"))!)[1]! >= 3, "all subscribed");

        // Behind the attempt that follows the subscription, whenever that comes: from then on nothing is asked.
        await Eventually.TrueAsync(
            async () => !(await CommandsAsync()).Exists(
                line => line.Contains("eval", StringComparison.OrdinalIgnoreCase) || line.Contains(key, StringComparison.Ordinal)),
            "parked");
        await held.UnlockAsync();
        while (waiters.Count > 0)
        {
            Task<ILockHandle> next = await Eventually.DoneAsync(Task.WhenAny(waiters), "the next turn");
            waiters.Remove(next);
            await (await next).DisposeAsync();
        }

        // What the server is asked in two seconds.
        async Task<List<string>> CommandsAsync()
        {
            await using RawRedis monitor = await Server.RawAsync();
            Assert.Equal("OK", await monitor.CommandAsync("MONITOR"));
            await Task.Delay(2_000);
            await CommandAsync("ECHO", "end of the quiet time");
            var seen = new List<string>();
            while ((string)(await monitor.ReadAsync())! is var line && !line.Contains("end of the quiet time", StringComparison.Ordinal))
                seen.Add(line);
            return seen;
        }
    }
}
