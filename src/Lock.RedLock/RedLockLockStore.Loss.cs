namespace Locking;

/// <summary>Locks that were taken away by force.</summary>
public sealed partial class RedLockLockStore : ILossSignal
{
    private readonly Lock _lossGate = new();
    private Action<StoreLoss>? _leaseLost;
    private ForcedLeases? _forced;

    /// <summary>Raised for every lock of this format and prefix that somebody takes away by force on so many nodes that no majority is left.</summary>
    public event Action<StoreLoss>? LeaseLost
    {
        add
        {
            lock (_lossGate)
            {
                _leaseLost += value;
                if (_leaseLost is not null)
                    _forced ??= new ForcedLeases([.. _nodes.Select(static node => (ILossSignal)node.Store)], _quorum, _time, OnForced);
            }
        }
        remove
        {
            lock (_lossGate)
            {
                _leaseLost -= value;
                if (_leaseLost is not null)
                    return;
                _forced?.Dispose();
                _forced = null;
            }
        }
    }

    private void OnForced(StoreLoss loss)
    {
        Action<StoreLoss>? handlers;
        lock (_lossGate)
            handlers = _leaseLost;
        handlers?.Invoke(loss);
    }
}
