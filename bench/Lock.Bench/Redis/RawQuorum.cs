using StackExchange.Redis;

namespace Locking.Bench.Redis;

/// <summary>A quorum's two scripts, called on every node as the client calls any script, and no more waited for than a majority: what no
/// quorum over this client can go below with these steps. The servers know the scripts from the store.</summary>
internal static class RawQuorum
{
    private static readonly byte[] s_life = [.. "lock"u8, LockKeys.Mark, .. "life"u8];

    public static async Task RunAsync(IDatabase[] nodes, string key, int cycles)
    {
        byte[] record = System.Text.Encoding.UTF8.GetBytes(key);
        RedisKey[] vote = [record, LockKeys.FenceOf(key), s_life];
        RedisKey[] release = [record];
        RedisValue[] notes = await Task.WhenAll(nodes.Select(static node => node.StringGetAsync(s_life)));
        for (int i = 0; i < cycles; i++)
        {
            string id = Guid.NewGuid().ToString();
            long token = (TimeProvider.System.GetUtcNow().Ticks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;
            await new Majority(nodes.Length).OfAsync(
                nodes, ScriptSet.Vote.Hash, vote, node => [id, 30_000, $"{token} {id} bench", 3_630_000, notes[node]]);
            await new Majority(nodes.Length).OfAsync(nodes, ScriptSet.ReleaseVote.Hash, release, _ => [id, "lock:released"]);
        }
    }

    /// <summary>The raw lock on every node, and no more waited for than a majority: what any quorum over this client costs that sends each
    /// step by itself.</summary>
    public static async Task RunRawAsync(IDatabase[] nodes, byte[] release, RedisKey key, int cycles)
    {
        for (int i = 0; i < cycles; i++)
        {
            RedisValue id = Guid.NewGuid().ToString();
            await new Majority(nodes.Length).OfAsync(nodes, node => node.StringSetAsync(key, id, RawCycle.Ttl, When.NotExists));
            await new Majority(nodes.Length).OfAsync(nodes, release, [key], _ => [id]);
        }
    }

    private sealed class Majority(int nodes)
    {
        private readonly TaskCompletionSource _reached = new();
        private int _missing = (nodes / 2) + 1;

        public Task OfAsync(IDatabase[] databases, byte[] script, RedisKey[] keys, Func<int, RedisValue[]> values)
        {
            for (int i = 0; i < databases.Length; i++)
                _ = CountAsync(databases[i].ScriptEvaluateAsync(script, keys, values(i)));
            return _reached.Task;
        }

        public Task OfAsync(IDatabase[] databases, Func<IDatabase, Task<bool>> ask)
        {
            foreach (IDatabase database in databases)
                _ = CountAsync(ask(database));
            return _reached.Task;
        }

        private async Task CountAsync(Task<bool> answer)
        {
            if (!await answer.ConfigureAwait(false))
                _reached.TrySetException(new InvalidOperationException("The raw lock was taken."));
            else if (Interlocked.Decrement(ref _missing) == 0)
                _reached.TrySetResult();
        }

        private async Task CountAsync(Task<RedisResult> answer)
        {
            string? text = (string?)await answer.ConfigureAwait(false);
            // A vote is "1 token", a release 1. Somebody else's answer is a mistake of this program.
            if (text is null || text[0] != '1')
                _reached.TrySetException(new InvalidOperationException($"A node answered {text}."));
            else if (Interlocked.Decrement(ref _missing) == 0)
                _reached.TrySetResult();
        }
    }
}
