using System.Collections.Concurrent;

namespace Locking;

/// <summary>Locks of several keys, by the id that releases them.</summary>
public sealed partial class BrokerServer
{
    private static readonly TimeSpan _leftoversPeriod = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<string, CompositeLock> _composites = new();
    private long _leftoversSweptAt;

    /// <summary>The readers and writers that published clients count.</summary>
    internal ReaderCounts Readers { get; } = new();

    internal void Remember(CompositeLock composite) => _composites[composite.Id] = composite;

    internal CompositeLock? Forget(string id) => _composites.TryRemove(id, out var composite) ? composite : null;

    /// <summary>Drops what clients that are gone have left behind, and with it what still points to their connections.</summary>
    private void SweepLeftovers(long now)
    {
        if (TimeProvider.GetElapsedTime(_leftoversSweptAt, now) < _leftoversPeriod)
            return;
        _leftoversSweptAt = now;

        // Those whose members have all ended by time, or with their connection, are not released by anybody.
        foreach (var (id, composite) in _composites)
        {
            if (composite.IsIdle)
                _composites.TryRemove(id, out _);
        }

        Readers.DropEnded();
        if (_listener.Keep())
        {
            Records.MakeAnewWhereGone();
            return;
        }

        LogReplaced(Options.Path!);
        _ = StopAsync();
    }
}
