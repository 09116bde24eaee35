using Locking.Conformance;
using Microsoft.Extensions.Time.Testing;
using Npgsql;

namespace Locking;

/// <summary>The guarantees that every store keeps, on one collection that all instances share.</summary>
public class MongoConformanceTests(MongoServer server) : LockStoreConformance, IClassFixture<MongoServer>
{
    protected override StoreAbilities Abilities => MongoConformance.Abilities;

    protected virtual string Uri => server.Uri;

    protected override ILockStore CreateStore() => CreateStore(TimeProvider.System);

    protected override ILockStore CreateStore(TimeProvider processClock) =>
        MongoConformance.Create(Uri, server.SharedCollection, processClock);

    protected override ILockStore CreateUnreachableStore(int closedPort) => MongoConformance.Create(
        $"mongodb://127.0.0.1:{closedPort}/?connectTimeoutMS=1000&serverSelectionTimeoutMS=300", server.SharedCollection,
            TimeProvider.System);

    protected override ILockStore CreateSilentStore(int silentPort, TimeSpan limit) => MongoConformance.Create(
        $"mongodb://127.0.0.1:{silentPort}/?connectTimeoutMS={limit.TotalMilliseconds}&socketTimeoutMS={limit.TotalMilliseconds}"
            + $"&serverSelectionTimeoutMS={limit.TotalMilliseconds}",
        server.SharedCollection, TimeProvider.System);
}

/// <summary>The same on a server clock that stands still until a test advances it.</summary>
public sealed class MongoConformanceOnFakeTimeTests : MongoConformanceTests
{
    private readonly FakeTimeProvider _time = new(MongoServer.LaterThanAnyPurge);
    private readonly MongoGateway _gateway;

    public MongoConformanceOnFakeTimeTests(MongoServer server)
        : base(server)
    {
        _gateway = server.StartGateway();
        _gateway.Clock = _time;
    }

    protected override string Uri => _gateway.Uri;

    protected override TimeProvider Clock => _time;

    protected override Task AdvanceAsync(TimeSpan by)
    {
        _time.Advance(by);
        return Task.CompletedTask;
    }

    [Fact]
    public async Task The_engines_purge_leaves_what_is_held_on_a_clock_that_is_not_its_own()
    {
        string key = "purged?" + Guid.NewGuid();
        TimeSpan ttl = TimeSpan.FromSeconds(1);
        await using ILockStore store = CreateStore();
        Assert.True((await store.TryAcquireAsync(new(key, "a", "tester", ttl), CancellationToken.None)).IsGranted);
        await using (NpgsqlCommand purge = _gateway.Engine.CreateCommand("CALL documentdb_api_internal.delete_expired_rows()"))
        {
            for (int i = 0; i < 10; i++) await purge.ExecuteNonQueryAsync();
        }

        Assert.False((await store.TryAcquireAsync(new(key, "b", "tester", ttl), CancellationToken.None)).IsGranted);
    }

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        await _gateway.DisposeAsync();
    }
}

/// <summary>Random steps answered as a dictionary would, on a server clock that stands still until the test advances it.</summary>
public sealed class MongoModelTests : LockStoreModelConformance, IClassFixture<MongoServer>
{
    private readonly MongoServer _server;
    private readonly FakeTimeProvider _time = new(MongoServer.LaterThanAnyPurge);
    private readonly MongoGateway _gateway;

    public MongoModelTests(MongoServer server)
    {
        _server = server;
        _gateway = server.StartGateway();
        _gateway.Clock = _time;
    }

    protected override int Runs => 60;

    protected override StoreAbilities Abilities => MongoConformance.Abilities;

    protected override TimeProvider Clock => _time;

    protected override Task AdvanceAsync(TimeSpan by)
    {
        _time.Advance(by);
        return Task.CompletedTask;
    }

    protected override ILockStore CreateStore() => MongoConformance.Create(_gateway.Uri, _server.SharedCollection, TimeProvider.System);

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        await _gateway.DisposeAsync();
    }
}

internal static class MongoConformance
{
    public static StoreAbilities Abilities { get; } = new() { ForcesRelease = true };

    public static ILockStore Create(string uri, string collection, TimeProvider clock)
    {
        var config = new MongoLockSettings { Url = uri, Database = "lock_tests", Collection = collection,
            ConnectTimeout = TestStore.Patience, CommandTimeout = TestStore.Patience };
        return new MongoLockProvider().CreateStore(config, null, LockProviderContext.Default with { TimeProvider = clock });
    }
}
