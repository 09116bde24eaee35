using Locking.Conformance;

namespace Locking;

public sealed class EtcdConformanceTests(EtcdFixture etcd) : LockStoreConformance, IClassFixture<EtcdFixture>
{
    internal static StoreAbilities Etcd => new()
    {
        TtlStep = TimeSpan.FromSeconds(1), TellsHolderRemaining = false, IsFair = true, QueuesWaiters = true, SignalsLoss = true,
        ForcesRelease = true,
    };

    /// <summary>etcd looks every half a second for leases that have ended, and removes them by a vote.</summary>
    internal static TimeSpan Removal => TimeSpan.FromSeconds(1.5);

    protected override StoreAbilities Abilities => Etcd;

    protected override TimeSpan Margin => Removal;

    protected override ILockStore CreateStore() => etcd.NewStore();

    protected override ILockStore CreateStore(TimeProvider processClock) => etcd.NewStore(processClock);

    protected override ILockStore CreateUnreachableStore(int closedPort) => EtcdFixture.StoreAt([$"http://127.0.0.1:{closedPort}"]);

    protected override ILockStore CreateSilentStore(int silentPort, TimeSpan limit) =>
        EtcdFixture.StoreAt([$"http://127.0.0.1:{silentPort}"], limit);
}

/// <summary>Random steps against a model.</summary>
public sealed class EtcdModelTests(EtcdFixture etcd) : LockStoreModelConformance, IClassFixture<EtcdFixture>
{
    protected override StoreAbilities Abilities => EtcdConformanceTests.Etcd;

    protected override TimeSpan Margin => EtcdConformanceTests.Removal;

    protected override ILockStore CreateStore() => etcd.NewStore();
}

/// <summary>The whole lock: the engine over the store.</summary>
public sealed class EtcdWholeLockTests(EtcdFixture etcd) : LockConformance, IClassFixture<EtcdFixture>
{
    protected override TimeSpan TtlStep => EtcdConformanceTests.Etcd.TtlStep;

    /// <summary>A grant is two votes: a machine on which others work too may need a while for them.</summary>
    protected override TimeSpan ShortTtl => TimeSpan.FromSeconds(2);

    protected override TimeSpan Margin => EtcdConformanceTests.Removal;

    protected override ILock CreateLock(LockOptions? defaults, string? ns) => new StoreLock(etcd.NewStore(), defaults, ns);
}
