using Locking.Tests.Migration.Forms;

namespace Locking;

/// <summary>The forms of the systems that Lock replaces, on Redis: the same facts as in memory, with another type and connection.</summary>
internal static class FormsOnRedis
{
    public static LockConfig Of(RedisFixture redis) =>
        new() { Type = "redis", Connection = new LockSettings { ["host"] = "127.0.0.1", ["port"] = redis.Server.Port } };
}

public sealed class KuzzleRedisTests(RedisFixture redis) : KuzzleForm, IClassFixture<RedisFixture>
{
    protected override LockConfig Backend => FormsOnRedis.Of(redis);
}

public sealed class LeveregeRedisTests(RedisFixture redis) : LeveregeForm, IClassFixture<RedisFixture>
{
    protected override LockConfig Backend => FormsOnRedis.Of(redis);
}

public sealed class LiveMutexRedisTests(RedisFixture redis) : LiveMutexForm, IClassFixture<RedisFixture>
{
    protected override LockConfig Backend => FormsOnRedis.Of(redis);
}

public sealed class SimpleRedisMutexRedisTests(RedisFixture redis) : SimpleRedisMutexForm, IClassFixture<RedisFixture>
{
    protected override LockConfig Backend => FormsOnRedis.Of(redis);
}

public sealed class DistLockRedisTests(RedisFixture redis) : DistLockForm, IClassFixture<RedisFixture>
{
    protected override LockConfig Backend => FormsOnRedis.Of(redis);
}
