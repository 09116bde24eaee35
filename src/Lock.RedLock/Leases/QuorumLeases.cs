using System.Collections.Concurrent;

namespace Locking;

/// <summary>The leases of this process, by their holders' ids.</summary>
internal sealed class QuorumLeases(TimeProvider time)
{
    private const int Few = 1024;

    /// <summary>A longer lease is counted as one of this length: beyond it timestamps end.</summary>
    private static readonly TimeSpan s_longest = TimeSpan.FromDays(10_000);

    private readonly ClockUnits _units = new(time);
    private readonly ConcurrentDictionary<string, QuorumLease> _leases = new(StringComparer.Ordinal);
    private readonly Lock _sweeping = new();
    private int _count;
    private int _sweepAt = Few;

    /// <summary>Begins the votes for a holder. Those of an earlier attempt of the same holder that are not sent yet end.</summary>
    public QuorumLease Begin(Proposal proposal, int nodes, int quorum)
    {
        var lease = new QuorumLease(this, proposal, nodes, quorum);
        while (!_leases.TryAdd(lease.HolderId, lease))
            End(lease.HolderId);
        if (Interlocked.Increment(ref _count) >= Volatile.Read(ref _sweepAt))
            Sweep();
        return lease;
    }

    /// <summary>A holder's lease; null when it is not of this process, or long over.</summary>
    public QuorumLease? Find(string holderId) => _leases.GetValueOrDefault(holderId);

    /// <summary>Counts a granted lease's time anew.</summary>
    public void Restart(QuorumLease lease, TimeSpan ttl) =>
        lease.Restart(ttl, time.GetTimestamp() + _units.Of(ttl < s_longest ? ttl : s_longest));

    /// <summary>Ends a holder's lease and forgets it.</summary>
    /// <returns>The lease, so that its votes can be taken back.</returns>
    public QuorumLease? End(string holderId)
    {
        if (!_leases.TryRemove(holderId, out QuorumLease? lease))
            return null;
        Interlocked.Decrement(ref _count);
        lease.End();
        return lease;
    }

    /// <summary>Ends an attempt, unless the holder has begun another.</summary>
    public void End(QuorumLease lease)
    {
        if (_leases.TryRemove(new KeyValuePair<string, QuorumLease>(lease.HolderId, lease)))
            Interlocked.Decrement(ref _count);
        lease.End();
    }

    /// <summary>Forgets those that ended without a release. Done again when twice as many have come.</summary>
    private void Sweep()
    {
        if (!_sweeping.TryEnter())
            return;
        try
        {
            long now = time.GetTimestamp();
            foreach ((string _, QuorumLease? lease) in _leases)
            {
                if (lease.EndsAt < now)
                    End(lease);
            }

            Volatile.Write(ref _sweepAt, Math.Max(Few, Volatile.Read(ref _count) * 2));
        }
        finally
        {
            _sweeping.Exit();
        }
    }
}
