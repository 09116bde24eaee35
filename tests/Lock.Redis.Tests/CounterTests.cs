using System.Text;
using Locking.Testing;
using Microsoft.Extensions.Time.Testing;

namespace Locking;

/// <summary>The token counter of a hash slot: whatever becomes of it, no token is given twice and none is lower than one before.</summary>
public sealed class CounterTests(RedisFixture redis) : RedisTests(redis), IClassFixture<RedisFixture>
{
    private const string SetCounters =
        @"for _, key in ipairs(redis.call('keys', '*\255c*')) do redis.call('del', key) redis.call(ARGV[1], key, ARGV[2]) end return 1";

    [Theory]
    [InlineData(-3_600_000_000)]
    [InlineData(-1_000_000)]
    [InlineData(-100_000)]
    [InlineData(3_600_000_000)]
    public async Task A_counter_that_was_set_back_or_forth_under_a_living_connection_repeats_nothing(long by)
    {
        RedisLockStore store = NewStore();
        (string key, long last) = (NewKey(), 0L);
        for (int i = 0; i < 20; i++)
        {
            // The last of them by a floor that the client reckons.
            last = await CycleAsync(store, key);
        }

        await SetCountersAsync("set", $"{last + by}");
        long next = await CycleAsync(store, key);
        Assert.True(next > last, $"{next} after {last}");
        Assert.True(by < 0 || next == last + by + 1, "the counter goes on from where it is");
        for (int i = 0; i < 5; i++)
            Assert.True(await CycleAsync(store, key) > next++);
    }

    [Fact]
    public async Task Tokens_rise_across_a_flush_under_a_living_connection()
    {
        RedisLockStore store = NewStore();
        string key = NewKey();
        long last = 0L;
        for (int i = 0; i < 20; i++)
        {
            long token = await CycleAsync(store, key);
            Assert.True(token > last);
            last = token;
            if (i % 3 == 0)
                await CommandAsync("FLUSHALL");
        }
    }

    [Fact]
    public async Task An_old_file_repeats_no_token()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await using ILockStore store = RedisFixture.StoreAt(server.Port);
        string key = NewKey();
        await CycleAsync(store, key);
        Assert.Equal("OK", await server.CommandAsync("SAVE"));
        long last = 0L;
        for (int i = 0; i < 100; i++)
            last = await CycleAsync(store, key);
        server.Kill();
        await server.StartAgainAsync();
        Assert.Equal(1L, await server.CommandAsync("DBSIZE"));
        await using ILockStore later = RedisFixture.StoreAt(server.Port);
        long next = await CycleAsync(later, key);
        Assert.True(next > last, $"{next} after {last}");
    }

    [Fact]
    public async Task A_replica_that_lagged_and_is_promoted_repeats_no_token()
    {
        await using RedisServer master = await RedisServer.StartAsync("--repl-diskless-sync-delay", "0");
        await using RedisServer replica =
            await RedisServer.StartAsync("--replicaof", "127.0.0.1", $"{master.Port}", "--repl-diskless-sync-delay", "0");
        await using ILockStore store = RedisFixture.StoreAt(master.Port);
        string key = NewKey();
        long first = await CycleAsync(store, key);
        await ReplicatedFixture.UntilReplicatedAsync(master);
        // From here on it hears of nothing.
        Assert.Equal("OK", await replica.CommandAsync("REPLICAOF", "NO", "ONE"));
        long last = first;
        for (int i = 0; i < 100; i++)
            last = await CycleAsync(store, key);
        master.Kill();
        await using ILockStore later = RedisFixture.StoreAt(replica.Port);
        long next = await CycleAsync(later, key);
        Assert.True(next > last, $"{next} after {last}");
    }

    [Fact]
    public async Task A_token_that_comes_with_a_release_rises_over_a_counter_that_was_set_back()
    {
        RedisLockStore store = NewStore();
        (string key, string holder, string next) = (NewKey(), NewId(), NewId());
        long first = await TakeAsync(store, key, holder);
        Assert.False((await AskAsync(store, key, next, queue: true)).IsGranted);
        await SetCountersAsync("set", $"{first - 40_000}");
        await ReleaseAsync(store, key, holder);
        Assert.True((await AskAsync(store, key, next, queue: true)).FencingToken > first);
    }

    [Fact]
    public async Task Who_was_made_the_holder_and_is_forced_away_gets_a_higher_token_or_none()
    {
        RedisLockStore store = NewStore();
        (string key, string holder, string next) = (NewKey(), NewId(), NewId());
        await LearnAsync(store);
        await TakeAsync(store, key, holder);
        Assert.False((await AskAsync(store, key, next, queue: true)).IsGranted);
        (Task<StoreReply> releasing, ValueTask<LockInfo?> looking, ValueTask<bool> forcing) = (ReleaseAsync(store, key, holder),
            store.GetAsync(key, CancellationToken.None), store.ForceReleaseAsync(key, CancellationToken.None));
        await releasing;
        LockInfo made = (await looking)!;
        Assert.Equal(next, made.Id);
        Assert.True(await forcing);
        Assert.Null(await store.GetAsync(key, CancellationToken.None));
        Assert.True((await AskAsync(store, key, next, queue: true)).FencingToken > made.FencingToken);
    }

    [Theory]
    [InlineData("set", "something", "not an integer")]
    [InlineData("set", "9007199254740991", "2^53")]
    [InlineData("set", "9223372036854775807", "overflow")]
    [InlineData("rpush", "1", "WRONGTYPE")]
    public async Task A_counter_that_is_none_is_a_final_fault_that_names_it(string command, string value, string says)
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await using var store = (RedisLockStore)RedisFixture.StoreAt(server.Port, new RedisLockSettings { KeyPrefix = "app:" });
        (string id, string next) = (NewId(), NewId());
        await TakeAsync(store, "held", id);
        Assert.False((await AskAsync(store, "held", next, queue: true)).IsGranted);
        await TakeAsync(store, "k", id);
        await ReleaseAsync(store, "k", id);
        Assert.Equal(1L, await server.CommandAsync("EVAL", SetCounters, "0", command, value));
        foreach (bool queue in new[] { false, true })
        {
            LockStoreException fault = await Assert.ThrowsAsync<LockStoreException>(() => AskAsync(store, "k", NewId(), queue: queue));
            Assert.True(fault is { IsTransient: false, MayHaveBeenApplied: false }, fault.ToString());
            Assert.Contains(says, fault.Message, StringComparison.Ordinal);
            Assert.Contains(@"app:\xFFc", fault.Message, StringComparison.Ordinal);
            Assert.Null(await store.GetAsync("k", CancellationToken.None));
        }

        // A lease can be ended all the same, with whoever waits.
        Assert.Equal(StoreReply.Done, await ReleaseAsync(store, "held", id));
        Assert.Null(await store.GetAsync("held", CancellationToken.None));
    }

    [Fact]
    public async Task The_servers_clock_is_asked_for_seldom()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await using ILockStore store = RedisFixture.StoreAt(server.Port);
        await CycleAsync(store, "k");
        await server.CommandAsync("CONFIG", "RESETSTAT");
        // All at once, so that no pause of this process makes the counter old.
        await Task.WhenAll(Enumerable.Range(0, 500).Select(i => AskAsync(store, "{k}" + i, NewId())));
        string stats = (string)(await server.CommandAsync("INFO", "commandstats"))!;
        int calls = stats.Split("cmdstat_time:calls=") is [_, var rest]
            ? int.Parse(rest.Split(',')[0], System.Globalization.CultureInfo.InvariantCulture) : 0;
        Assert.InRange(calls, 0, 250);
    }

    [Fact]
    public async Task Keys_used_once_leave_nothing_but_the_counters_of_their_slots()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await using ILockStore store = RedisFixture.StoreAt(server.Port);
        await Parallel.ForEachAsync(Enumerable.Range(0, 2000), async (i, _) => await CycleAsync(store, "{one}" + i));
        Assert.Equal(1L, await server.CommandAsync("DBSIZE"));
        await Parallel.ForEachAsync(Enumerable.Range(0, 2000), async (i, _) => await CycleAsync(store, $"many/{i}"));
        Assert.InRange((long)(await server.CommandAsync("DBSIZE"))!, 1000, 2001);
        Assert.Equal(0L, await server.CommandAsync("EVAL", @"return #redis.call('keys', 'many*')", "0"));
    }

    [Fact]
    public async Task A_listing_reads_no_foreign_value_whole()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await using ILockStore store = RedisFixture.StoreAt(server.Port, new RedisLockSettings { KeyPrefix = "app:" });
        await server.CommandAsync("SET", "app:foreign", new string('x', 1_000_000));
        await server.CommandAsync("RPUSH", "app:list", "a");
        await server.CommandAsync("SET", "app:other", "somebody 12 else");
        long token = await TakeAsync(store, "mine", NewId());
        await server.CommandAsync("CONFIG", "RESETSTAT");
        var listed = new List<LockInfo>();
        await foreach (LockInfo info in store.ListAsync("", CancellationToken.None))
            listed.Add(info);
        Assert.Equal([("mine", "tester", token)], listed.Select(static info => (info.Key, info.Owner, info.FencingToken!.Value)));
        string stats = (string)(await server.CommandAsync("INFO", "commandstats"))!;
        Assert.DoesNotContain("cmdstat_get:", stats, StringComparison.Ordinal);
        Assert.Contains("cmdstat_getrange:", stats, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "a")]
    [InlineData("", "{tag}rest")]
    [InlineData("app:", "x{tag}y{z}")]
    [InlineData("app:", "a}b{c")]
    [InlineData("{app}", "a")]
    [InlineData("a{b", "c}d")]
    [InlineData("{}", "x")]
    [InlineData("}{", "日本語")]
    public void Counter_and_line_are_in_the_records_slot_and_begin_as_it_does(string prefix, string key)
    {
        StackExchange.Redis.RedisKey[] keys = KeyLayout.Of(null, prefix).NativeKeysOf(key).WithLine();
        (byte[] record, byte[] counter, byte[] line) = ((byte[])keys[0]!, (byte[])keys[1]!, (byte[])keys[2]!);
        Assert.Equal(prefix + key, Encoding.UTF8.GetString(record));
        Assert.Equal(HashSlots.Of(record), HashSlots.Of(counter));
        Assert.Equal(HashSlots.Of(record), HashSlots.Of(line));
        Assert.Equal([.. Encoding.UTF8.GetBytes(prefix), LockKeys.Mark, (byte)'c'], counter[..(Encoding.UTF8.GetByteCount(prefix) + 2)]);
        Assert.Equal([.. record, LockKeys.Mark, (byte)'l'], line[..(record.Length + 2)]);
    }

    [Fact]
    public void Slots_are_those_of_the_servers()
    {
        Assert.Equal(12739, HashSlots.Of("123456789"u8));
        Assert.Equal(HashSlots.Of("user1000"u8), HashSlots.Of("{user1000}.following"u8));
        Assert.Equal(HashSlots.Of("{bar"u8), HashSlots.Of("foo{{bar}}zap"u8));
        Span<byte> name = stackalloc byte[8];
        for (int slot = 0; slot < 16384; slot++)
        {
            HashSlots.Steer(name, slot);
            Assert.Equal(slot, HashSlots.Of(name));
        }
    }

    [Fact]
    public void A_floor_is_reckoned_from_the_sending_forgets_and_is_void_after_an_interruption()
    {
        var time = new FakeTimeProvider();
        var clock = new ServerClock(time);
        long slack = ServerClock.Slack.Ticks / TimeSpan.TicksPerMicrosecond;
        Assert.Equal(ServerClock.Unknown, clock.FloorAt(time.GetTimestamp()));
        long sent = time.GetTimestamp();
        time.Advance(TimeSpan.FromMilliseconds(30));
        clock.Learn(1_000_000_000, sent);
        Assert.Equal(1_000_030_000 - slack, clock.FloorAt(time.GetTimestamp()));
        time.Advance(TimeSpan.FromMilliseconds(970));
        Assert.Equal(1_001_000_000 - slack, clock.FloorAt(time.GetTimestamp()));
        time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(ServerClock.Unknown, clock.FloorAt(time.GetTimestamp()));

        // An answer to what was sent before an interruption tells of the server that was.
        sent = time.GetTimestamp();
        clock.Learn(2_000_000_000, sent);
        clock.Void();
        Assert.Equal(ServerClock.Unknown, clock.FloorAt(time.GetTimestamp()));
        clock.Learn(2_000_000_000, sent);
        Assert.Equal(ServerClock.Unknown, clock.FloorAt(time.GetTimestamp()));
        time.Advance(TimeSpan.FromMilliseconds(1));
        clock.Learn(2_000_000_000, time.GetTimestamp());
        Assert.Equal(2_000_000_000 - slack, clock.FloorAt(time.GetTimestamp()));
    }

    private Task<object?> SetCountersAsync(string command, string value) => CommandAsync("EVAL", SetCounters, "0", command, value);

    private static async Task<long> CycleAsync(ILockStore store, string key)
    {
        string id = NewId();
        long token = await TakeAsync(store, key, id);
        Assert.Equal(StoreReply.Done, await ReleaseAsync(store, key, id));
        return token;
    }
}
