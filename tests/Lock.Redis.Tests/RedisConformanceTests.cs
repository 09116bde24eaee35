using Locking.Conformance;

namespace Locking;

public abstract class RedisConformance(RedisFixture redis, string format) : LockStoreConformance
{
    protected override StoreAbilities Abilities => new() { SignalsRelease = true, SignalsLoss = true, ForcesRelease = true };

    protected override ILockStore CreateStore() => redis.NewStore(new RedisLockSettings { Format = format });

    protected override ILockStore CreateUnreachableStore(int closedPort) =>
        RedisFixture.StoreAt(closedPort, new RedisLockSettings { Format = format });

    protected override ILockStore CreateSilentStore(int silentPort, TimeSpan limit) =>
        RedisFixture.StoreAt(silentPort, new RedisLockSettings { Format = format }, limit);
}

public sealed class NativeConformanceTests(RedisFixture redis) : RedisConformance(redis, LockFormats.Native), IClassFixture<RedisFixture>;

public sealed class RedLockNetConformanceTests(RedisFixture redis)
    : RedisConformance(redis, LockFormats.RedLockNet), IClassFixture<RedisFixture>;

public sealed class SimpleRedisMutexConformanceTests(RedisFixture redis)
    : RedisConformance(redis, LockFormats.SimpleRedisMutex), IClassFixture<RedisFixture>;

public sealed class DistLockConformanceTests(RedisFixture redis)
    : RedisConformance(redis, LockFormats.DistLock), IClassFixture<RedisFixture>;

/// <summary>Random steps against a model.</summary>
public sealed class RedisModelTests(RedisFixture redis) : LockStoreModelConformance, IClassFixture<RedisFixture>
{
    protected override ILockStore CreateStore() => redis.NewStore();
}

/// <summary>The whole lock: the engine over the store.</summary>
public abstract class RedisWholeLock(RedisFixture redis, bool fair) : LockConformance
{
    protected override ILock CreateLock(LockOptions? defaults, string? ns) =>
        new StoreLock(redis.NewStore(new RedisLockSettings { Fair = fair }), defaults, ns);
}

public sealed class RedisWholeLockTests(RedisFixture redis) : RedisWholeLock(redis, fair: false), IClassFixture<RedisFixture>;

public sealed class FairRedisWholeLockTests(RedisFixture redis) : RedisWholeLock(redis, fair: true), IClassFixture<RedisFixture>;
