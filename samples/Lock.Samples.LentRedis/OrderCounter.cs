using StackExchange.Redis;

namespace Locking.Samples.LentRedis;

/// <summary>Counts orders: reads, thinks, and writes, which only one may do at a time.</summary>
public sealed class OrderCounter(ILock locks, IConnectionMultiplexer redis)
{
    /// <summary>Adds one to a customer's orders, and says how many there are.</summary>
    /// <param name="customer">Who ordered.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<long> AddAsync(string customer, CancellationToken cancellationToken)
    {
        await using ILockHandle handle = await locks.LockNsAsync(customer, cancellationToken: cancellationToken).ConfigureAwait(false);
        IDatabase database = redis.GetDatabase();
        long before = (long)await database.StringGetAsync($"orders-of-{customer}").ConfigureAwait(false);
        await Task.Yield();
        handle.ThrowIfLost();
        await database.StringSetAsync($"orders-of-{customer}", before + 1).ConfigureAwait(false);
        return before + 1;
    }
}
