using System.Net;
using System.Net.Sockets;
using Locking.Conformance;
using Microsoft.Extensions.Time.Testing;

namespace Locking;

/// <summary>No server where the configuration says: told once the time to connect is over, by name, and nothing is waited for after
/// that.</summary>
public sealed class MongoUnreachableTests(MongoServer server) : IClassFixture<MongoServer>
{
    private static readonly TimeSpan s_connectTimeout = TimeSpan.FromSeconds(1.5);
    private readonly string _a = TestStore.NewId();

    [Theory]
    [InlineData("refuses", "refused")]
    [InlineData("is silent", "did not finish connecting|did not answer in time")]
    public async Task A_server_that_is_not_there_is_named_after_the_time_to_connect_and_disposal_is_prompt(string server, string why)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start(); // the system accepts for it; it never answers
        string silent = listener.LocalEndpoint.ToString()!;
        using Socket closed = ClosedPort();
        string address = server == "refuses" ? closed.LocalEndPoint!.ToString()! : silent;
        var config = new MongoLockSettings { Url = $"mongodb://app:s3cret@{address}/", ConnectTimeout = s_connectTimeout,
            CommandTimeout = TimeSpan.FromSeconds(20) };
        var locks = new StoreLock(new MongoLockProvider().CreateStore(config, null, LockProviderContext.Default));

        LockStoreException exception = await Assert.ThrowsAsync<LockStoreException>(() => locks.TryLockAsync("k").AsTask());
        Assert.True(exception.IsTransient);
        Assert.False(exception.MayHaveBeenApplied);
        Assert.Contains(address, exception.Message, StringComparison.Ordinal);
        Assert.Contains("connectTimeout", exception.Message, StringComparison.Ordinal);
        Assert.Contains(why.Split('|'), part => exception.Message.Contains(part, StringComparison.Ordinal));
        Assert.DoesNotContain("s3cret", exception.ToString(), StringComparison.Ordinal);

        await locks.DisposeAsync();
    }

    [Fact]
    public async Task A_host_name_that_DNS_does_not_know_is_told_at_once_and_for_good()
    {
        // Nothing but a hang takes so long.
        var connection =
            new MongoLockSettings { Url = "mongodb://app:s3cret@no-such-host.invalid/", ConnectTimeout = TimeSpan.FromHours(1) };
        await using var locks = new StoreLock(new MongoLockProvider().CreateStore(connection, null, LockProviderContext.Default));
        // Waiting, too.
        LockStoreException exception =
            await Assert.ThrowsAsync<LockStoreException>(() => Eventually.DoneAsync(locks.LockAsync("k").AsTask(), "told"));
        Assert.False(exception.IsTransient);
        Assert.False(exception.MayHaveBeenApplied);
        Assert.Contains("no-such-host.invalid:27017", exception.Message, StringComparison.Ordinal);
        Assert.Contains("DNS", exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", exception.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task All_hosts_that_were_tried_are_named()
    {
        using Socket one = ClosedPort();
        using Socket other = ClosedPort();
        string[] hosts = [one.LocalEndPoint!.ToString()!, other.LocalEndPoint!.ToString()!];
        await using var store = new TestStore($"mongodb://{string.Join(',', hosts)}/?serverSelectionTimeoutMS=1000");
        LockStoreException exception = await Assert.ThrowsAsync<LockStoreException>(() => store.AcquireAsync("k", _a).AsTask());
        Assert.All(hosts, host => Assert.Contains(host, exception.Message, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_host_that_is_silent_is_asked_no_longer_than_there_is_time_to_search()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        LockStoreException exception = await TestStore.SearchInVainAsync(
            $"mongodb://{listener.LocalEndpoint}/?connectTimeoutMS=600000&", seen => seen.Servers.Count == 1);
        Assert.Contains($"{listener.LocalEndpoint} did not answer in time", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_longer_search_than_connectTimeout_is_not_cut_short()
    {
        // The server comes up when connectTimeout and commandTimeout together are over, and the search is not.
        int port;
        using (Socket closed = ClosedPort()) port = ((IPEndPoint)closed.LocalEndPoint!).Port;
        var config = new MongoLockSettings {
                Url = $"mongodb://127.0.0.1:{port}/?serverSelectionTimeoutMS=60000",
                ConnectTimeout = TimeSpan.FromMilliseconds(100),
                CommandTimeout = TimeSpan.FromSeconds(2),
                Database = "lock_tests",
                Collection = server.SharedCollection,
            };
        await using var locks = new StoreLock(new MongoLockProvider().CreateStore(config, null, LockProviderContext.Default));
        Task<ILockHandle?> trying = locks.TryLockAsync(TestStore.NewId()).AsTask();
        await Task.Delay(TimeSpan.FromSeconds(2.5), TimeProvider.System);
        Assert.False(trying.IsCompleted);
        await using MongoGateway late = server.StartGateway(port: port);
        await using ILockHandle? handle = await Eventually.DoneAsync(trying, "taken once the server is there");
        Assert.NotNull(handle);
    }

    [Fact]
    public async Task A_step_whose_second_command_cannot_be_sent_is_half_done_and_says_so()
    {
        await using MongoGateway gateway = server.StartGateway();
        await using var store = new TestStore(gateway.Uri);
        await store.AcquireAsync("warm", TestStore.NewId());
        MongoLockStore impatient = await store.ImpatientAsync();
        await impatient.TryAcquireAsync(new AcquireRequest("warm", "b", "", TimeSpan.FromMinutes(1)), default);
        // A lock without expiry: taken by the first command, given no end by the second.
        RefuseFrom(gateway, "findAndModify", 2);
        LockStoreException exception = await Assert.ThrowsAsync<LockStoreException>(
            () => impatient.TryAcquireAsync(new AcquireRequest("k", _a, "", Timeout.InfiniteTimeSpan), default).AsTask());
        Assert.True(exception.IsTransient);
        Assert.True(exception.MayHaveBeenApplied);
        gateway.Faults.Decide = null;
        Assert.Equal(StoreReply.Done, await store.ReleaseAsync("k", _a));
    }

    [Fact]
    public async Task A_release_whose_answer_was_lost_may_have_been_applied_whatever_happens_to_the_command_after_it()
    {
        await using MongoGateway gateway = server.StartGateway();
        await using var store = new TestStore(gateway.Uri);
        await store.AcquireAsync("k", _a);
        MongoLockStore impatient = await store.ImpatientAsync();
        gateway.Faults.Inject("update", GatewayFault.LoseReply);
        RefuseFrom(gateway, "findAndModify", 1);
        LockStoreException exception =
            await Assert.ThrowsAsync<LockStoreException>(() => impatient.TryReleaseAsync("k", _a, default).AsTask());
        Assert.True(exception.IsTransient);
        Assert.True(exception.MayHaveBeenApplied);
        gateway.Faults.Decide = null;
        Assert.Null(await store.Store.GetAsync("k", default));
    }

    [Fact]
    public async Task A_time_limit_that_ends_a_step_names_the_server_and_the_last_problem()
    {
        await using MongoGateway gateway = server.StartGateway();
        await using var store = new TestStore(gateway.Uri);
        FakeTimeProvider time = new();
        MongoLockStore limited = await store.OnClockAsync(time, TimeSpan.FromMilliseconds(300), TimeSpan.FromMilliseconds(500));
        int arrived = 0;
        gateway.Faults.Decide = command =>
        {
            if (command != "findAndModify") return null;
            Interlocked.Increment(ref arrived);
            return GatewayFault.Delay;
        };
        Task<AcquireReply> asked =
            limited.TryAcquireAsync(new AcquireRequest("k", _a, "", TimeSpan.FromMinutes(1)), default).AsTask();
        await Eventually.TrueAsync(() => Volatile.Read(ref arrived) == 1, "sent");
        time.Advance(TimeSpan.FromMilliseconds(300));
        await Eventually.TrueAsync(() => Volatile.Read(ref arrived) == 2, "repeated");
        time.Advance(TimeSpan.FromMilliseconds(200));
        LockStoreException exception = await Assert.ThrowsAsync<LockStoreException>(() => Eventually.DoneAsync(asked, "given up"));
        gateway.Faults.Decide = null;
        gateway.Faults.Release();
        Assert.True(exception.MayHaveBeenApplied);
        Assert.Contains($"MongoDB ({gateway.Address}) did not answer", exception.Message, StringComparison.Ordinal);
        Assert.Contains("500 ms", exception.Message, StringComparison.Ordinal);
        Assert.Contains("The last problem was:", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_hangs_before_the_step_began_has_applied_nothing()
    {
        await using MongoGateway gateway = server.StartGateway();
        await using var store = new TestStore(gateway.Uri);
        FakeTimeProvider time = new();
        MongoLockStore limited = await store.OnClockAsync(time, Timeout.InfiniteTimeSpan, TimeSpan.FromMilliseconds(200));
        gateway.Faults.Inject("createIndexes", GatewayFault.Delay);
        Task delayed = gateway.Faults.Delayed;
        Task<AcquireReply> asked =
            limited.TryAcquireAsync(new AcquireRequest("k", _a, "", TimeSpan.FromMinutes(1)), default).AsTask();
        await Eventually.DoneAsync(delayed, "sent");
        time.Advance(TimeSpan.FromMilliseconds(200));
        LockStoreException exception = await Assert.ThrowsAsync<LockStoreException>(() => Eventually.DoneAsync(asked, "given up"));
        gateway.Faults.Release();
        Assert.True(exception.IsTransient);
        Assert.False(exception.MayHaveBeenApplied);
    }

    /// <summary>From the nth of these commands on, the server is not the primary.</summary>
    private static void RefuseFrom(MongoGateway gateway, string command, int nth)
    {
        int count = 0;
        gateway.Faults.Decide = name => name == command && ++count >= nth ? GatewayFault.NotWritablePrimary : null;
    }

    /// <summary>Bound and not listening: refuses, and nobody else can have the port meanwhile.</summary>
    private static Socket ClosedPort()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return socket;
    }
}
