using System.Collections.Concurrent;

namespace Locking.Samples;

/// <summary>A resource that refuses who is late: it remembers the highest fencing token that it has seen of each order.</summary>
public sealed class Ledger
{
    private readonly ConcurrentDictionary<string, long> _highest = new(StringComparer.Ordinal);

    /// <summary>Writes a payment down.</summary>
    /// <param name="order">The order.</param>
    /// <param name="token">The fencing token of the lock under which it is paid.</param>
    /// <returns>False when a later holder of the lock was here already.</returns>
    public bool TryPay(string order, long token) => _highest.AddOrUpdate(order, token, (_, seen) => Math.Max(seen, token)) == token;
}
