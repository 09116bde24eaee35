using Locking.Conformance;

namespace Locking;

/// <summary>One broker for the facts of a class: their keys never meet.</summary>
public sealed class SharedBroker : IAsyncLifetime
{
    internal TestBroker Broker { get; } = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => Broker.DisposeAsync().AsTask();

    internal static StoreAbilities Abilities { get; } = new()
    {
        IsFair = true,
        QueuesWaiters = true,
        SignalsLoss = true,
        ForcesRelease = true,
    };
}

public sealed class BrokerLockStoreConformanceTests(SharedBroker shared) : LockStoreConformance, IClassFixture<SharedBroker>
{
    protected override StoreAbilities Abilities => SharedBroker.Abilities;

    protected override ILockStore CreateStore() => new BrokerLockStore(shared.Broker.Connection);

    protected override ILockStore CreateStore(TimeProvider processClock) =>
        new BrokerLockStore(shared.Broker.Connection, context: LockProviderContext.Default with { TimeProvider = processClock });

    protected override ILockStore? CreateUnreachableStore(int closedPort) =>
        new BrokerLockStore(new BrokerLockSettings { Port = closedPort });

    protected override ILockStore? CreateSilentStore(int silentPort, TimeSpan limit) =>
        new BrokerLockStore(new BrokerLockSettings { Port = silentPort, ConnectTimeout = limit, CommandTimeout = limit });
}

public sealed class BrokerLockStoreModelTests(SharedBroker shared) : LockStoreModelConformance, IClassFixture<SharedBroker>
{
    protected override StoreAbilities Abilities => SharedBroker.Abilities;

    protected override ILockStore CreateStore() => new BrokerLockStore(shared.Broker.TcpConnection);
}

public sealed class BrokerLockConformanceTests(SharedBroker shared) : LockConformance, IClassFixture<SharedBroker>
{
    protected override ILock CreateLock(LockOptions? defaults, string? ns) =>
        new StoreLock(new BrokerLockStore(shared.Broker.Connection), defaults, ns);
}
