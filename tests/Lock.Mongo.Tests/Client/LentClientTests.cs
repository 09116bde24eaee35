using System.Net;
using System.Net.Sockets;
using System.Reflection;
using Locking.Conformance;
using Microsoft.Extensions.Time.Testing;
using MongoDB.Bson;
using MongoDB.Driver;

namespace Locking;

/// <summary>A client that the application lends: the same promises as with one of our own, as far as the driver tells.</summary>
public sealed class LentClientTests(MongoServer server) : IClassFixture<MongoServer>
{
    [Fact]
    public async Task Two_thousand_locks_on_fresh_keys_at_once_succeed_on_a_default_client()
    {
        using var client = new MongoClient(server.Uri);
        await BurstAsync(new MongoLockProvider(client), null);
    }

    [Fact]
    public async Task Two_thousand_locks_on_fresh_keys_at_once_succeed_on_a_client_of_our_own() =>
        await BurstAsync(new MongoLockProvider(), server.Uri);

    [Fact]
    public async Task A_database_is_lent_with_its_name()
    {
        using var client = new MongoClient(server.Uri);
        var provider = new MongoLockProvider(client.GetDatabase("lock_tests"));
        LockConfigException exception =
            Assert.Throws<LockConfigException>(() => provider.CreateStore(Config(database: "other"), null, LockProviderContext.Default));
        Assert.Equal("connection.database", exception.Path);
        Assert.Contains("'lock_tests'", exception.Message, StringComparison.Ordinal);

        await using ILockStore store = provider.CreateStore(Config(), null, LockProviderContext.Default);
        await using var others = new TestStore(server.Uri, server.SharedCollection);
        string key = TestStore.NewId();
        string id = TestStore.NewId();
        Assert.True((await store.TryAcquireAsync(new AcquireRequest(key, id, "", TimeSpan.FromMinutes(1)), default)).IsGranted);
        Assert.Equal(id, (await others.Store.GetAsync(key, default))!.Id);
    }

    [Fact]
    public async Task The_clients_read_preference_and_write_concern_do_not_count()
    {
        await using MongoGateway secondary = server.StartGateway(new GatewayOptions(ReplicaSet: "rs0"));
        await using MongoGateway primary = server.StartGateway(new GatewayOptions(ReplicaSet: "rs0"));
        secondary.OtherPrimary = primary.Address;
        using var client = new MongoClient($"mongodb://{secondary.Address},{primary.Address}/?replicaSet=rs0&readPreference=secondary&w=0");
        await using ILockStore store = new MongoLockProvider(client).CreateStore(Config("lock_tests"), null, LockProviderContext.Default);
        string key = TestStore.NewId();
        Assert.True((await store.TryAcquireAsync(new AcquireRequest(key, "a", "", TimeSpan.FromMinutes(1)), default)).IsGranted);
        Assert.Equal("a", (await store.GetAsync(key, default))!.Id);
        Assert.Empty(secondary.Log);
        Assert.Equal(["createIndexes", "findAndModify", "aggregate"], primary.Log);
    }

    [Fact]
    public async Task A_client_that_is_disposed_is_told_at_once_and_for_good()
    {
        var client = new MongoClient(server.Uri);
        await using var locks =
            new StoreLock(new MongoLockProvider(client).CreateStore(Config("lock_tests"), null, LockProviderContext.Default));
        string key = TestStore.NewId();
        await (await locks.LockAsync(key)).UnlockAsync();
        client.Dispose();
        LockStoreException exception =
            await Assert.ThrowsAsync<LockStoreException>(() => Eventually.DoneAsync(locks.LockAsync(key).AsTask(), "told"));
        Assert.False(exception.IsTransient);
        Assert.False(exception.MayHaveBeenApplied);
        Assert.Contains("IMongoClient", exception.Message, StringComparison.Ordinal);
    }

    /// <summary>The driver's task would fail when nobody looks at it any more.</summary>
    [Fact]
    public async Task A_client_that_is_disposed_while_it_looks_for_a_server_leaves_no_task_behind()
    {
        using var closed = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        closed.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var client = new MongoClient($"mongodb://{closed.LocalEndPoint}/");
        IMongoClient proxy = CopyingProxy.Of(client, out List<Task> tasks);
        using DriverCommandRunner runner = Runner(proxy);
        Task<BsonDocument> asked = runner.RunAsync("admin", new("ping", 1), default).AsTask();
        await Eventually.TrueAsync(() => client.Cluster.Description.Servers.Any(one => one.HeartbeatException is not null), "tried");
        Assert.False(asked.IsCompleted);
        client.Dispose();
        LockStoreException exception = await Assert.ThrowsAsync<LockStoreException>(() => Eventually.DoneAsync(asked, "told"));
        Assert.Contains("IMongoClient", exception.Message, StringComparison.Ordinal);
        Assert.True(Assert.Single(tasks).IsCompleted);
    }

    [Fact]
    public async Task No_server_and_a_refused_user_are_named_and_nothing_was_sent()
    {
        using var closed = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        closed.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        LockStoreException gone = await FailAsync($"mongodb://app:s3cret@{closed.LocalEndPoint}/");
        Assert.True(gone.IsTransient);
        Assert.Contains($"Cannot connect to {closed.LocalEndPoint}", gone.Message, StringComparison.Ordinal);

        await using MongoGateway gateway = server.StartGateway(new GatewayOptions(Authentication: true));
        LockStoreException refused = await FailAsync($"mongodb://app:s3cret@{gateway.Address}/?authSource=admin");
        Assert.False(refused.IsTransient);
        Assert.Contains("refused the user 'app' (authSource 'admin')", refused.Message, StringComparison.Ordinal);

        LockStoreException unknown = await FailAsync("mongodb://app:s3cret@no-such-host.invalid/");
        Assert.False(unknown.IsTransient);
        Assert.Contains("DNS", unknown.Message, StringComparison.Ordinal);
        Assert.All([gone, refused, unknown], exception => Assert.DoesNotContain("s3cret", exception.ToString(), StringComparison.Ordinal));
        Assert.All([gone, refused, unknown], exception => Assert.False(exception.MayHaveBeenApplied));
    }

    [Fact]
    public async Task A_queue_that_is_full_is_asked_again_until_there_is_room()
    {
        await using MongoGateway gateway = server.StartGateway();
        MongoClientSettings settings = MongoClientSettings.FromConnectionString(gateway.Uri);
        settings.MaxConnectionPoolSize = 1;
#pragma warning disable CS0618 // An application may have set it.
        settings.WaitQueueSize = 1;
#pragma warning restore CS0618
        using var client = new MongoClient(settings);
        using DriverCommandRunner runner = Runner(client);
        await runner.RunAsync("admin", new("ping", 1), default);
        // The application's own commands: one has the connection, one has the queue.
        gateway.Faults.Inject("ping", GatewayFault.Delay);
        Task delayed = gateway.Faults.Delayed;
        Task first = client.GetDatabase("admin").RunCommandAsync<BsonDocument>(new BsonDocument("ping", 1));
        await delayed;
        Task second = client.GetDatabase("admin").RunCommandAsync<BsonDocument>(new BsonDocument("ping", 1));
        Task<BsonDocument> ours = TestStore.StepAsync(runner, new("ping", 1));
        await Eventually.SettleAsync();
        Assert.False(ours.IsCompleted);
        gateway.Faults.Release();
        Assert.True(MongoReply.Parse(await Eventually.DoneAsync(ours, "answered")).Ok);
        await Task.WhenAll(first, second);
    }

    /// <summary>What is not known to be never sent may have been applied.</summary>
    [Fact]
    public async Task A_client_that_sends_copies_of_our_commands_is_not_believed_to_have_sent_nothing()
    {
        await using MongoGateway gateway = server.StartGateway();
        using var client = new MongoClient(gateway.Uri);
        using DriverCommandRunner runner = Runner(CopyingProxy.Of(client));
        await runner.RunAsync("admin", new("ping", 1), default);
        gateway.Faults.Inject("ping", GatewayFault.LoseReply);
        Assert.True((await Assert.ThrowsAsync<LockStoreException>(async () => await runner.RunAsync("admin", new("ping", 1), default)))
            .MayHaveBeenApplied);
    }

    [Fact]
    public async Task The_doctor_reads_the_drivers_own_description_of_the_members()
    {
        using var closed = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        closed.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        await using MongoGateway gateway = server.StartGateway(new GatewayOptions(ReplicaSet: "rs0"));
        gateway.OtherMember = closed.LocalEndPoint!.ToString();
        using var client = new MongoClient(gateway.Uri + "?replicaSet=rs0");
        await using var store =
            (MongoLockStore)new MongoLockProvider(client).CreateStore(Config("lock_tests"), null, LockProviderContext.Default);
        await store.GetAsync("k", default);
        await Eventually.TrueAsync(
            async () => (await store.DiagnoseAsync()).Any(finding => finding.Code == "member-not-reachable"
                && finding.Text.Contains(gateway.OtherMember!, StringComparison.Ordinal)), "the member is named");
    }

    private async Task BurstAsync(MongoLockProvider provider, string? uri)
    {
        await using var locks = new StoreLock(provider.CreateStore(Config("lock_tests", uri), null, LockProviderContext.Default));
        string keys = TestStore.NewId();
        ILockHandle[] handles = await Task.WhenAll(Enumerable.Range(0, 2000)
            .Select(i => locks.LockAsync($"{keys}/{i}", new LockOptions { Ttl = TimeSpan.FromMinutes(10), AutoRenew = false }).AsTask()));
        Assert.Equal(2000, handles.Select(handle => handle.Key).Distinct().Count());
        UnlockOutcome[] outcomes = await Task.WhenAll(handles.Select(handle => handle.UnlockAsync().AsTask()));
        Assert.All(outcomes, outcome => Assert.Equal(UnlockOutcome.Released, outcome));
    }

    /// <summary>The time to connect goes by once the driver has tried.</summary>
    private async Task<LockStoreException> FailAsync(string uri)
    {
        using var client = new MongoClient(uri);
        FakeTimeProvider time = new();
        MongoLockSettings config = Config("lock_tests") with { ConnectTimeout = TimeSpan.FromSeconds(1) };
        await using ILockStore store =
            new MongoLockProvider(client).CreateStore(config, null, LockProviderContext.Default with { TimeProvider = time });
        Task<AcquireReply> asked = store.TryAcquireAsync(new AcquireRequest("k", "a", "", TimeSpan.FromMinutes(1)), default).AsTask();
        await Eventually.TrueAsync(
            () => asked.IsCompleted || client.Cluster.Description.Servers.Any(one => one.HeartbeatException is not null), "tried");
        await Eventually.TrueAsync(() =>
        {
            time.Advance(TimeSpan.FromMilliseconds(20));
            return asked.IsCompleted;
        }, "given up");
        return await Assert.ThrowsAsync<LockStoreException>(() => asked);
    }

    private static DriverCommandRunner Runner(IMongoClient client) =>
        new(new MongoClientSource(client, MongoTarget.OfLent(client.Settings, TestStore.Patience, TestStore.Patience)),
            TimeProvider.System);

    private MongoLockSettings Config(string? database = null, string? uri = null) => new()
    {
        Url = uri, Database = database, Collection = server.SharedCollection, ConnectTimeout = TestStore.Patience, CommandTimeout =
            TestStore.Patience,
    };
}

/// <summary>Passes all on to a client or database, each command as a copy: what an application's own decorator may do.</summary>
public class CopyingProxy : DispatchProxy
{
    private object _target = null!;
    private List<Task> _tasks = [];

    public static IMongoClient Of(IMongoClient client) => Of(client, out _);

    /// <summary>The same, with a list of the tasks that it has given out.</summary>
    public static IMongoClient Of(IMongoClient client, out List<Task> tasks) => Of(client, tasks = []);

    private static T Of<T>(T target, List<Task> tasks)
        where T : class
    {
        T proxy = Create<T, CopyingProxy>();
        CopyingProxy it = (CopyingProxy)(object)proxy;
        (it._target, it._tasks) = (target, tasks);
        return proxy;
    }

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
    {
        args = [.. args!.Select(argument => argument is BsonDocumentCommand<BsonDocument> command
            ? new BsonDocumentCommand<BsonDocument>(new BsonDocument(command.Document.Elements)) : argument)];
        object? result = targetMethod!.Invoke(_target, BindingFlags.DoNotWrapExceptions, binder: null, args, culture: null);
        if (result is Task task)
            _tasks.Add(task);
        return result is IMongoDatabase database ? Of(database, _tasks) : result;
    }
}
