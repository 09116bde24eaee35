using StackExchange.Redis;

namespace Locking.Bench.Redis;

/// <summary>What a lock costs at the least: SET NX PX and a compare-and-delete script, two round trips of the same client.</summary>
internal static class RawCycle
{
    private const string CompareAndDelete =
        "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end";

    public static readonly TimeSpan Ttl = TimeSpan.FromSeconds(30);

    public static async Task RunAsync(IDatabase database, byte[] release, RedisKey key, int cycles)
    {
        for (int i = 0; i < cycles; i++)
        {
            RedisValue id = Guid.NewGuid().ToString();
            if (!await database.StringSetAsync(key, id, Ttl, When.NotExists))
                throw new InvalidOperationException("The raw lock was taken.");
            await database.ScriptEvaluateAsync(release, [key], [id]);
        }
    }

    /// <summary>The scripts of the lock themselves, called as the client calls any script: what no library over this client can go below
    /// with these steps. The server knows them from the store. The first cycle has the counter set by the clock, as a client's first does;
    /// the others believe it.</summary>
    public static async Task RunScriptsAsync(IDatabase database, string key, int cycles)
    {
        RedisKey[] acquired = KeyLayout.Of(null, null).NativeKeysOf(key).WithCounter();
        RedisKey[] released = acquired[..1];
        for (int i = 0; i < cycles; i++)
        {
            byte[] template = RecordTemplate.Of(Guid.NewGuid().ToString(), "bench");
            long token = (long)await database.ScriptEvaluateAsync(ScriptSet.NativeAcquire.Hash, acquired,
                [template, 30_000, i == 0 ? ServerClock.Unknown : 1]);
            if ((int)await database.ScriptEvaluateAsync(ScriptSet.NativeReleaseWhole.Hash, released,
                [RecordTemplate.Fill(template, token)]) != 1)
                throw new InvalidOperationException("The lock was not held.");
        }
    }

    public static async Task<byte[]> LoadAsync(IDatabase database, int port)
    {
        string answer = (string?)await database.ExecuteAsync("SCRIPT", "LOAD", CompareAndDelete)
            ?? throw new InvalidOperationException($"The server on port {port} loads no script.");
        return Convert.FromHexString(answer);
    }
}
