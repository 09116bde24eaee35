namespace Locking;

/// <summary>Tells of locks that were taken away by force. The nodes are listened to as long as somebody listens here.</summary>
internal sealed class ForcedLosses(QuorumNodes nodes)
{
    private readonly Lock _gate = new();
    private Action<StoreLoss>? _listeners;
    private ForcedLeases? _forced;

    /// <summary>Somebody listens.</summary>
    public void Add(Action<StoreLoss>? listener)
    {
        lock (_gate)
        {
            _listeners += listener;
            if (_listeners is not null)
                _forced ??= new ForcedLeases(
                    [.. nodes.All.Select(static node => (ILossSignal)node.Store)], nodes.Needed, nodes.Time, OnForced);
        }
    }

    /// <summary>Somebody listens no more.</summary>
    public void Remove(Action<StoreLoss>? listener)
    {
        lock (_gate)
        {
            _listeners -= listener;
            if (_listeners is not null)
                return;
            _forced?.Dispose();
            _forced = null;
        }
    }

    private void OnForced(StoreLoss loss)
    {
        Action<StoreLoss>? listeners;
        lock (_gate)
            listeners = _listeners;
        listeners?.Invoke(loss);
    }
}
