using System.Text.Json;

namespace Locking;

/// <summary>Leases without expiry, over the end of their broker: nobody else gets them until they are given back, reclaimed and given back,
/// or forced.</summary>
public sealed class PermanentLeaseTests
{
    private static readonly TimeSpan s_never = Timeout.InfiniteTimeSpan;

    [Fact]
    public async Task It_stays_held_without_its_client_and_other_keys_are_granted_at_once()
    {
        await using var broker = new TestBroker();
        long? token = await KeepAsync(broker, "k", "H");
        for (int restart = 0; restart < 3; restart++)
        {
            await broker.RestartAsync();
            Assert.False(broker.Server.Locks.Pause.IsOn);
            await using var other = new BrokerLockStore(broker.Connection);
            Assert.Equal((false, s_never), Busy(await other.TryAcquireAsync(Request("k", "X"), default)));
            Assert.True((await other.TryAcquireAsync(Request("free", "X"), default)).IsGranted);
            Assert.Equal(StoreReply.Done, await other.TryReleaseAsync("free", "X", default));
            LockInfo info = (await other.GetAsync("k", default))!;
            Assert.Equal(("H", "Ann", token, TimeSpan.MaxValue), (info.Id, info.Owner, info.FencingToken, info.Remaining));
        }

        await using var last = new BrokerLockStore(broker.Connection);
        Assert.Equal(StoreReply.Done, await last.TryReleaseAsync("k", "H", default));
        await broker.RestartAsync();
        await using var next = new BrokerLockStore(broker.Connection);
        AcquireReply granted = await next.TryAcquireAsync(Request("k", "Y"), default);
        Assert.True(granted.IsGranted);
        Assert.True(granted.FencingToken > token);
    }

    [Fact]
    public async Task Its_client_comes_back_to_it_whenever_that_is_and_gives_it_up_when_it_leaves()
    {
        await using var broker = new TestBroker();
        var holder = new BrokerLockStore(broker.Connection);
        long? token = (await holder.TryAcquireAsync(Request("k", "H"), default)).FencingToken;
        await broker.RestartAsync();
        BrokerLockStore waiter = broker.Store();
        Task<AcquireReply> waiting = waiter.AcquireAsync(Request("k", "W"), s_never, default).AsTask();
        while (broker.Server.Locks.Table.Report("k").Waiters == 0)
            await Task.Delay(1);

        // Comes back with its next question, and is the holder over its new connection.
        Assert.Equal("H", (await holder.GetAsync("k", default))!.Id);
        Assert.False(waiting.IsCompleted);
        await holder.DisposeAsync();
        AcquireReply granted = await waiting.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.True(granted.FencingToken > token);
    }

    [Fact]
    public async Task It_is_forced_by_hand_and_stays_so()
    {
        await using var broker = new TestBroker();
        await KeepAsync(broker, "k", "H");
        await broker.RestartAsync();
        Assert.True(await broker.Store().ForceReleaseAsync("k", default));
        await broker.RestartAsync();
        Assert.Null(await broker.Store().GetAsync("k", default));
    }

    [Fact]
    public async Task A_waiter_that_follows_it_takes_its_place_on_record()
    {
        await using var broker = new TestBroker();
        await KeepAsync(broker, "k", "H");
        var waiter = new BrokerLockStore(broker.Connection);
        Task<AcquireReply> waiting = waiter.AcquireAsync(Request("k", "W", keep: true), s_never, default).AsTask();
        while (broker.Server.Locks.Table.Report("k").Waiters == 0)
            await Task.Delay(1);
        Assert.Equal(StoreReply.Done, await broker.Store().TryReleaseAsync("k", "H", default));
        Assert.True((await waiting.WaitAsync(TimeSpan.FromSeconds(10))).IsGranted);
        await broker.RestartAsync();
        Assert.Equal("W", (await broker.Store().GetAsync("k", default))!.Id);
    }

    [Fact]
    public async Task An_extension_gives_it_an_end_on_record_and_takes_that_away()
    {
        await using var broker = new TestBroker();
        BrokerLockStore store = broker.Store();
        foreach (string key in (string[])["to never", "from never"])
            await store.TryAcquireAsync(Request(key, "H", key == "to never" ? TimeSpan.FromMinutes(1) : null), default);
        await store.TryExtendAsync("to never", "H", s_never, default);
        await store.TryExtendAsync("from never", "H", TimeSpan.FromMinutes(1), default);
        Assert.Equal(["to never"], WithoutEnd(broker));

        // The same holder asking again changes its lease as well.
        await store.TryAcquireAsync(Request("from never", "H"), default);
        await store.TryAcquireAsync(Request("to never", "H", TimeSpan.FromMinutes(1)), default);
        Assert.Equal(["from never"], WithoutEnd(broker));
    }

    [Fact]
    public async Task Holders_of_a_semaphore_of_a_published_client_are_all_there_again()
    {
        await using var broker = new TestBroker();
        RawClient client = await broker.RawAsync();
        foreach (string id in (string[])["U1", "U2"])
            await client.AskAsync($$"""{"type":"lock","uuid":"{{id}}","key":5,"ttl":null,"max":2,"keepLocksAfterDeath":true}""");
        client.Close();
        await broker.RestartAsync();
        RawClient next = await broker.RawAsync();
        Assert.Equal(2,
            (await next.AskAsync("""{"type":"lock-info-request","uuid":"Q","key":5}""")).GetProperty("lockholderUUIDs").GetArrayLength());
        Assert.False((await next.AskAsync("""{"type":"lock","uuid":"U3","key":5,"ttl":null,"max":2}""")).GetProperty("acquired")
            .GetBoolean());

        // The key has its JSON type still, and the id is one of a published client.
        JsonElement again = await next.AskAsync("""{"type":"lock","uuid":"U1","key":5,"ttl":null,"max":2}""");
        Assert.True(again.GetProperty("acquired").GetBoolean());
        Assert.Equal(5, again.GetProperty("key").GetInt32());
        Assert.True((await next.AskAsync("""{"type":"unlock","uuid":"Q2","_uuid":"U2","key":5}""")).GetProperty("unlocked").GetBoolean());
        Assert.True((await next.ReadAsync()).GetProperty("acquired").GetBoolean());
    }

    [Fact]
    public async Task Our_own_holders_of_a_key_that_a_published_client_made_a_semaphore_are_all_there_again()
    {
        await using var broker = new TestBroker();
        await KeepAsync(broker, "k", "O1");
        RawClient client = await broker.RawAsync();
        Assert.True((await client.AskAsync("""{"type":"lock","uuid":"U1","key":"k","ttl":null,"max":2}""")).GetProperty("acquired")
            .GetBoolean());
        Assert.True((await client.AskAsync("""{"type":"unlock","uuid":"Q","_uuid":"U1","key":"k"}""")).GetProperty("unlocked")
            .GetBoolean());
        await KeepAsync(broker, "k", "O2");
        await broker.RestartAsync();
        Assert.Equal(["k", "k"], Recorded(broker));
        await using var next = new BrokerLockStore(broker.Connection);
        Assert.Equal(StoreReply.Done, await next.TryExtendAsync("k", "O1", s_never, default));
        Assert.Equal(StoreReply.Done, await next.TryExtendAsync("k", "O2", s_never, default));
    }

    [Fact]
    public async Task Several_keys_taken_together_are_released_together_after_a_restart()
    {
        await using var broker = new TestBroker();
        RawClient client = await broker.RawAsync(tcp: true);
        string? id = (await client.AskAsync("""{"type":"acquire-many","uuid":"U1","keys":["a","b"],"ttl":null}"""))
            .GetProperty("lockUuid").GetString();
        client.Reset();
        await broker.RestartAsync();
        Assert.Equal(2, broker.Server.Locks.Table.KeyCount);
        RawClient next = await broker.RawAsync();
        Assert.True((await next.AskAsync($$"""{"type":"release-many","uuid":"U2","lockUuid":"{{id}}"}""")).GetProperty("released")
            .GetBoolean());
        Assert.Equal(0, broker.Server.Locks.Table.KeyCount);
        Assert.Empty(Recorded(broker));
    }

    [Fact]
    public async Task What_is_over_does_not_pile_up_in_the_file()
    {
        await using var broker = new TestBroker();
        await KeepAsync(broker, "kept", "H");
        long length = new FileInfo(FileOf(broker)).Length;
        BrokerLockStore store = broker.Store();
        for (int i = 0; i < 3_000; i++)
        {
            await store.TryAcquireAsync(Request("k", $"id{i}"), default);
            await store.TryReleaseAsync("k", $"id{i}", default);
        }

        Assert.Equal(length, new FileInfo(FileOf(broker)).Length);
        Assert.Equal(["kept"], Recorded(broker));
    }

    [Fact]
    public async Task Nobody_else_can_read_the_ids_in_the_file()
    {
        await using var broker = new TestBroker();
        if (!OperatingSystem.IsWindows())
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(FileOf(broker)));
    }

    [Fact]
    public async Task Two_brokers_do_not_share_a_record_and_the_second_leaves_it_as_it_is()
    {
        string directory = Directory.CreateTempSubdirectory("lock-state-").FullName;
        try
        {
            string path = Path.Combine(directory, "state");
            await using var first = new BrokerServer(new BrokerServerOptions { Host = "127.0.0.1", Port = 0, StatePath = path });
            Assert.True(first.TryStart());
            await using var store = new BrokerLockStore(new BrokerLockSettings { Port = first.Port });
            await store.TryAcquireAsync(Request("k", "H", TimeSpan.FromHours(1)), default);
            await store.TryAcquireAsync(Request("never", "H"), default);
            List<string> before = RecordFile.Keys(path);

            var samePort = new BrokerServer(new BrokerServerOptions { Host = "127.0.0.1", Port = first.Port, StatePath = path });
            Assert.Contains("in use", Assert.Throws<LockStoreException>(() => samePort.TryStart()).Message);
            var sameFile = new BrokerServer(new BrokerServerOptions { Host = "127.0.0.1", Port = 0, StatePath = path });
            Assert.Contains($"'{path}' is used by another broker", Assert.Throws<LockStoreException>(() => sameFile.TryStart()).Message);
            Assert.Equal(before, RecordFile.Keys(path));
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    [Fact]
    public async Task One_whose_new_end_comes_before_that_is_written_does_not_come_back()
    {
        string directory = Directory.CreateTempSubdirectory("lock-state-").FullName;
        try
        {
            var clock = new JumpingClock();
            var options = new BrokerServerOptions { Path = Path.Combine(directory, "broker.sock") };
            await using (var server = new BrokerServer(options, LockProviderContext.Default with { TimeProvider = clock }))
            {
                Assert.True(server.TryStart());
                await using var store = new BrokerLockStore(new BrokerLockSettings { Path = options.Path });
                await store.TryAcquireAsync(Request("k", "H", keep: true), default);
                await store.TryAcquireAsync(Request("stays", "H", keep: true), default);

                // The new lease passes between the step and what is done after it.
                clock.Runs = true;
                Assert.Equal(StoreReply.Done, server.Locks.Extend("k", "H", TimeSpan.FromMilliseconds(10)));
                for (int i = 0; RecordFile.Keys(RecordFile.Of(options.Path)).Count > 1; i++)
                {
                    Assert.True(i < 500, "It is on record still.");
                    await Task.Delay(10);
                }
            }

            Assert.Equal(["stays"], RecordFile.Keys(RecordFile.Of(options.Path)));
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    [Fact]
    public async Task Where_a_lease_is_damaged_nothing_is_granted_until_its_holder_had_time_to_come_back()
    {
        await using var broker = new TestBroker();
        await KeepAsync(broker, "before", "A");
        BrokerLockStore holder = broker.Store();
        long? token = (await holder.TryAcquireAsync(Request("k", "Holder"), default)).FencingToken;
        await broker.StopAsync();
        byte[] bytes = await File.ReadAllBytesAsync(FileOf(broker));
        bytes[bytes.AsSpan().IndexOf("kHolder"u8)] ^= 1;
        await File.WriteAllBytesAsync(FileOf(broker), bytes);
        broker.Start();
        await using var other = new BrokerLockStore(broker.Connection);
        Assert.False((await other.TryAcquireAsync(Request("k", "X"), default)).IsGranted);
        Assert.InRange(broker.Server.Locks.Pause.Left.TotalSeconds, 25, 30);

        // Also the next one, since the damage is gone from the file.
        await broker.RestartAsync();
        Assert.InRange(broker.Server.Locks.Pause.Left.TotalSeconds, 25, 35);
        LockInfo info = (await holder.GetAsync("k", default))!;
        Assert.Equal(("Holder", token), (info.Id, info.FencingToken));
        Assert.Equal(["before", "k"], Recorded(broker));
    }

    [Fact]
    public async Task A_broker_does_not_use_the_record_of_one_on_a_socket()
    {
        await using var broker = new TestBroker();
        await KeepAsync(broker, "k", "H");
        var second = new BrokerServer(new BrokerServerOptions { Host = "127.0.0.1", Port = 0, StatePath = FileOf(broker) });
        Assert.Contains("is used by another broker", Assert.Throws<LockStoreException>(() => second.TryStart()).Message);
        Assert.Equal(["k"], Recorded(broker));
    }

    internal static string FileOf(TestBroker broker) => RecordFile.Of(broker.Path);

    /// <summary>The keys that the next broker would find held.</summary>
    internal static List<string> Recorded(TestBroker broker) => RecordFile.Keys(FileOf(broker));

    private static List<string> WithoutEnd(TestBroker broker) =>
        [.. RecordFile.Read(FileOf(broker)).Where(static lease => lease.Until == long.MaxValue).Select(static lease => lease.Key)];

    internal static AcquireRequest Request(string key, string id, TimeSpan? ttl = null, bool keep = false) =>
        new(key, id, "Ann", ttl ?? s_never) { KeepOnDisconnect = keep };

    /// <summary>Takes a lock that its client does not take with it.</summary>
    internal static async Task<long?> KeepAsync(TestBroker broker, string key, string id)
    {
        await using var store = new BrokerLockStore(broker.Connection);
        AcquireReply granted = await store.TryAcquireAsync(Request(key, id, keep: true), default);
        Assert.True(granted.IsGranted);
        return granted.FencingToken;
    }

    private static (bool IsGranted, TimeSpan? Remaining) Busy(AcquireReply answer) => (answer.IsGranted, answer.HolderRemaining);

    /// <summary>A clock that is an hour further with each look at it, once it runs.</summary>
    private sealed class JumpingClock : TimeProvider
    {
        private long _ahead;

        public bool Runs { get; set; }

        public override long GetTimestamp() => base.GetTimestamp() + Interlocked.Add(ref _ahead, Runs ? 3600 * TimestampFrequency : 0);
    }
}
