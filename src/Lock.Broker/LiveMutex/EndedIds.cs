namespace Locking;

/// <summary>Published leases that ran out or were taken away: their client unlocks once more without hearing an error, as from the
/// original.</summary>
/// <remarks>Only hashes are kept, 64 bits of a function that is different in each process: what clients call their keys and ids must not
/// decide how much the broker remembers.</remarks>
internal sealed class EndedIds
{
    private const int Most = 10_000;

    private readonly Lock _gate = new();
    private readonly HashSet<(int Key, int Id)> _ids = [];
    private readonly Queue<(int Key, int Id)> _order = [];

    /// <summary>Remembers one; the oldest is forgotten for it.</summary>
    public void Add(string key, string id)
    {
        (int Key, int Id) ended = HashOf(key, id);
        lock (_gate)
        {
            if (!_ids.Add(ended))
                return;
            _order.Enqueue(ended);
            if (_order.Count > Most)
                _ids.Remove(_order.Dequeue());
        }
    }

    /// <summary>Forgets one.</summary>
    /// <returns>Whether it was remembered.</returns>
    public bool Remove(string key, string id)
    {
        lock (_gate)
            return _ids.Remove(HashOf(key, id));
    }

    private static (int Key, int Id) HashOf(string key, string id) =>
        (key.GetHashCode(StringComparison.Ordinal), id.GetHashCode(StringComparison.Ordinal));
}
