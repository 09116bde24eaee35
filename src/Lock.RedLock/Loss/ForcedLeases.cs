namespace Locking;

/// <summary>Counts on how many nodes a lease was taken away by force, and tells when no majority is left to it.</summary>
/// <remarks>A lease that was forced on a minority stands: whoever did that did not speak to the quorum.</remarks>
internal sealed class ForcedLeases : IDisposable
{
    /// <summary>The notices of one force come together; what is older is of a node that was forced alone.</summary>
    private static readonly TimeSpan s_memory = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, (long Since, HashSet<int> Nodes)> _forced = new(StringComparer.Ordinal);
    private readonly List<(ILossSignal Signal, Action<StoreLoss> Handler)> _handlers = [];
    private readonly TimeProvider _time;
    private readonly int _enough;
    private readonly Action<StoreLoss> _tell;

    /// <summary>Listens to the nodes.</summary>
    /// <param name="nodes">The nodes' stores.</param>
    /// <param name="quorum">How many a lease needs.</param>
    /// <param name="time">The clock.</param>
    /// <param name="tell">Told of each lease once. Returns at once.</param>
    public ForcedLeases(IReadOnlyList<ILossSignal> nodes, int quorum, TimeProvider time, Action<StoreLoss> tell)
    {
        _time = time;
        _enough = nodes.Count - quorum + 1;
        _tell = tell;
        for (int i = 0; i < nodes.Count; i++)
        {
            int node = i;
            Action<StoreLoss> handler = loss => OnForced(node, loss);
            _handlers.Add((nodes[i], handler));
            nodes[i].LeaseLost += handler;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach ((ILossSignal signal, Action<StoreLoss> handler) in _handlers)
            signal.LeaseLost -= handler;
    }

    private void OnForced(int node, StoreLoss loss)
    {
        if (loss.HolderId is null)
            return;
        lock (_gate)
        {
            ForgetUnsynchronized();
            if (!_forced.TryGetValue(loss.HolderId, out (long Since, HashSet<int> Nodes) entry))
                _forced.Add(loss.HolderId, entry = (_time.GetTimestamp(), []));
            if (!entry.Nodes.Add(node) || entry.Nodes.Count != _enough)
                return;
        }

        _tell(loss);
    }

    private void ForgetUnsynchronized()
    {
        foreach ((string holder, (long since, _)) in _forced)
        {
            if (_time.GetElapsedTime(since) > s_memory)
                _forced.Remove(holder);
        }
    }
}
