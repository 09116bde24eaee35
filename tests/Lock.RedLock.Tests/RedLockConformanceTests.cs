using Locking.Conformance;

namespace Locking;

public abstract class RedLockConformance(QuorumFixture fixture, string format) : LockStoreConformance
{
    /// <summary>Nodes that are up are waited for, however busy the machine is.</summary>
    internal static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    protected override StoreAbilities Abilities =>
        new() { SupportsNoExpiry = false, SignalsRelease = true, SignalsLoss = true, ForcesRelease = true, IsFair = false };

    protected override ILockStore CreateStore() =>
        fixture.Quorum.NewStore(settings: new RedLockSettings { Format = format, NodeTimeout = Patience });

    protected override ILockStore CreateUnreachableStore(int closedPort) => Quorum.StoreAt([closedPort, closedPort + 1, closedPort + 2]);

    protected override ILockStore CreateSilentStore(int silentPort, TimeSpan limit) =>
        RedLockOf(silentPort, limit);

    /// <summary>The same silent server under three names: none of them is ever reached.</summary>
    private static RedLockStore RedLockOf(int port, TimeSpan limit)
    {
        IEnumerable<RedisLockStore> stores = Enumerable.Range(0, 3).Select(_ => (RedisLockStore)new RedisLockProvider().CreateStore(
            new RedisLockSettings { Port = port, CommandTimeout = limit, ConnectTimeout = limit }, null, LockProviderContext.Default));
        return RedLockProvider.Create([.. stores], new RedLockSettings(), new LockOptions(), TimeProvider.System, limit);
    }
}

public sealed class NativeConformanceTests(QuorumFixture fixture) : RedLockConformance(
    fixture, LockFormats.Native), IClassFixture<QuorumFixture>;

public sealed class RedLockNetConformanceTests(QuorumFixture fixture)
    : RedLockConformance(fixture, LockFormats.RedLockNet), IClassFixture<QuorumFixture>;

/// <summary>The whole lock: the engine over the quorum.</summary>
public sealed class RedLockWholeLockTests(QuorumFixture fixture) : LockConformance, IClassFixture<QuorumFixture>
{
    protected override bool SupportsNoExpiry => false;

    protected override ILock CreateLock(LockOptions? defaults, string? ns) =>
        new StoreLock(fixture.Quorum.NewStore(settings: new RedLockSettings { NodeTimeout = RedLockConformance.Patience }), defaults, ns);
}
