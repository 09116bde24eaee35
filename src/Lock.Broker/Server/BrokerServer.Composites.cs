using System.Collections.Concurrent;

namespace Locking;

/// <summary>Locks of several keys, by the id that releases them.</summary>
public sealed partial class BrokerServer
{
    private readonly ConcurrentDictionary<string, CompositeLock> _composites = new();
    private int _sweepCompositesAt = 1024;

    /// <summary>The readers and writers that published clients count.</summary>
    internal ReaderCounts Readers { get; } = new();

    internal void Remember(CompositeLock composite)
    {
        _composites[composite.Id] = composite;
        if (_composites.Count < Volatile.Read(ref _sweepCompositesAt))
            return;

        // Those whose members have all ended by time, or with their connection, are not released by anybody.
        foreach (var one in _composites.Values)
        {
            if (one != composite && one.IsIdle)
                _composites.TryRemove(one.Id, out _);
        }

        Volatile.Write(ref _sweepCompositesAt, Math.Max(1024, _composites.Count * 2));
    }

    internal CompositeLock? Forget(string id) => _composites.TryRemove(id, out var composite) ? composite : null;
}
