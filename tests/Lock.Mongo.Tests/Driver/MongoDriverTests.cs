using Locking.Conformance;
using MongoDB.Driver;
using MongoDB.Driver.Core.Connections;

namespace Locking;

/// <summary>The adapter for the official driver, compiled from its own source against a stand-in with the driver's signatures: the guarantees that every store keeps.</summary>
public sealed class MongoDriverConformanceTests(MongoServer server) : LockStoreConformance, IClassFixture<MongoServer>
{
    protected override StoreAbilities Abilities => MongoConformance.Abilities;

    protected override ILockStore CreateStore() => CreateStore(TimeProvider.System);

    protected override ILockStore CreateStore(TimeProvider processClock) => Create(server.Uri, server.SharedCollection, processClock);

    protected override ILockStore CreateUnreachableStore(int closedPort) =>
        Create($"mongodb://127.0.0.1:{closedPort}/?connectTimeoutMS=1000&serverSelectionTimeoutMS=300", server.SharedCollection, TimeProvider.System);

    protected override ILockStore CreateSilentStore(int silentPort, TimeSpan limit) =>
        Create($"mongodb://127.0.0.1:{silentPort}/?connectTimeoutMS={limit.TotalMilliseconds}&socketTimeoutMS={limit.TotalMilliseconds}&serverSelectionTimeoutMS={limit.TotalMilliseconds}", server.SharedCollection, TimeProvider.System);

    internal static ILockStore Create(string uri, string collection, TimeProvider clock)
    {
        var config = new LockConfig { Connection = new LockConnection { Database = "lock_tests", Collection = collection } };
        var client = new StubMongoClient(new MongoClient(MongoUri.Parse(uri)));
        return new MongoLockProvider(new MongoDriverCommandRunner(client)).CreateStore(config, LockProviderContext.Default with { TimeProvider = clock });
    }
}

/// <summary>What the adapter makes of the driver's exceptions.</summary>
public sealed class MongoDriverTests(MongoServer server) : IClassFixture<MongoServer>
{
    private static readonly ReadOnlyMemory<byte> Ping = new BsonWriter().Int32("ping", 1).ToDocument();

    [Theory]
    [InlineData(nameof(GatewayFault.NotWritablePrimary))]
    [InlineData(nameof(GatewayFault.InterruptedAfter))]
    [InlineData(nameof(GatewayFault.WriteConcernTimeout))]
    [InlineData(nameof(GatewayFault.WriteConflict))]
    [InlineData(nameof(GatewayFault.LoseReply))]
    [InlineData(nameof(GatewayFault.DuplicateKey))]
    public async Task One_fault_does_not_show(string fault)
    {
        await using MongoGateway gateway = server.StartGateway();
        await using ILockStore store = MongoDriverConformanceTests.Create(gateway.Uri, server.SharedCollection, TimeProvider.System);
        var request = new AcquireRequest(Guid.NewGuid().ToString(), TestStore.NewId(), "tests", TimeSpan.FromMinutes(1));
        gateway.Faults.Inject("findAndModify", Enum.Parse<GatewayFault>(fault));
        Assert.True((await store.TryAcquireAsync(request, default)).IsGranted);
        gateway.Faults.Inject("update", Enum.Parse<GatewayFault>(fault == nameof(GatewayFault.DuplicateKey) ? nameof(GatewayFault.WriteConflict) : fault));
        Assert.Equal(StoreReply.Done, await store.TryReleaseAsync(request.Key, request.HolderId, default));
    }

    public static TheoryData<string, bool, bool> Failures => new()
    {
        { "authentication", false, false },
        { "configuration", false, false },
        { "selection", true, false },
        { "connection", true, true },
        { "execution time", true, true },
        { "socket time", true, true },
    };

    [Theory]
    [MemberData(nameof(Failures))]
    public async Task Each_failure_of_the_driver_is_a_store_failure_with_its_meaning(string kind, bool isTransient, bool mayHaveBeenApplied)
    {
        var connection = new ConnectionId();
        Exception thrown = kind switch
        {
            "authentication" => new MongoAuthenticationException(connection, "Unable to authenticate.", new IOException()),
            "configuration" => new MongoConfigurationException("A bad URI."),
            "selection" => new TimeoutException("A timeout occurred after 30000ms selecting a server using a selector."),
            "connection" => new MongoConnectionException(connection, "Broken.", new IOException()),
            "execution time" => new MongoExecutionTimeoutException(connection, "Operation exceeded time limit."),
            _ => new TimeoutException(),
        };
        using var client = new StubMongoClient(new MongoClient(MongoUri.Parse(server.Gateway.Uri))) { Fails = thrown };
        var runner = new MongoDriverCommandRunner(client);
        LockStoreException e = await Assert.ThrowsAsync<LockStoreException>(async () => await runner.RunAsync("admin", Ping, default));
        Assert.Same(thrown, e.InnerException);
        Assert.Equal((isTransient, mayHaveBeenApplied), (e.IsTransient, e.MayHaveBeenApplied));
    }

    [Fact]
    public async Task A_refusal_is_a_reply_and_cancelling_stays_cancelling()
    {
        await using MongoGateway gateway = server.StartGateway();
        using var client = new StubMongoClient(new MongoClient(MongoUri.Parse(gateway.Uri)));
        var runner = new MongoDriverCommandRunner(client);
        ReadOnlyMemory<byte> reply = await runner.RunAsync("admin", new BsonWriter().Int32("noSuchCommand", 1).ToDocument(), default);
        Assert.Equal(59, MongoReply.Parse(reply.Span).Code);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await runner.RunAsync("admin", Ping, new CancellationToken(true)));
    }
}
