using Locking.Conformance;

namespace Locking;

public abstract class RedisConformance(RedisFixture redis, string format) : LockStoreConformance
{
    protected override StoreAbilities Abilities => new() { SignalsRelease = true, ForcesRelease = true, IsConfigurable = true };

    protected override ILockStore CreateStore() => redis.NewStore(new LockOptions { Format = format });

    protected override ILockStore CreateUnreachableStore(int closedPort) => RedisFixture.StoreAt(closedPort, new LockOptions { Format = format });

    protected override ILockStore CreateSilentStore(int silentPort) =>
        RedisFixture.StoreAt(silentPort, new LockOptions { Format = format }, TimeSpan.FromSeconds(1));
}

public sealed class NativeConformanceTests(RedisFixture redis) : RedisConformance(redis, LockFormats.Native), IClassFixture<RedisFixture>;

public sealed class RedLockNetConformanceTests(RedisFixture redis) : RedisConformance(redis, LockFormats.RedLockNet), IClassFixture<RedisFixture>;

public sealed class SimpleRedisMutexConformanceTests(RedisFixture redis)
    : RedisConformance(redis, LockFormats.SimpleRedisMutex), IClassFixture<RedisFixture>;

public sealed class DistLockConformanceTests(RedisFixture redis) : RedisConformance(redis, LockFormats.DistLock), IClassFixture<RedisFixture>;
