using Locking.Conformance;

namespace Locking;

/// <summary>The guarantees that every store keeps, on one collection that all instances share.</summary>
public sealed class MongoConformanceTests(MongoServer server) : LockStoreConformance, IClassFixture<MongoServer>
{
    protected override StoreAbilities Abilities => new() { ForcesRelease = true, IsConfigurable = true };

    protected override ILockStore CreateStore() => CreateStore(TimeProvider.System);

    protected override ILockStore CreateStore(TimeProvider processClock) => Create(server.Uri, processClock);

    protected override ILockStore? CreateUnreachableStore(int closedPort) =>
        Create($"mongodb://127.0.0.1:{closedPort}/?connectTimeoutMS=1000&serverSelectionTimeoutMS=300", TimeProvider.System);

    protected override ILockStore? CreateSilentStore(int silentPort) =>
        Create($"mongodb://127.0.0.1:{silentPort}/?connectTimeoutMS=500&socketTimeoutMS=500&serverSelectionTimeoutMS=500", TimeProvider.System);

    private ILockStore Create(string uri, TimeProvider clock)
    {
        var config = new LockConfig { Connection = new LockConnection { Url = uri, Database = "lock_tests", Collection = server.SharedCollection } };
        return new MongoLockProvider().CreateStore(config, LockProviderContext.Default with { TimeProvider = clock });
    }
}
