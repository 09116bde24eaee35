namespace Locking;

/// <summary>Keys whose holders' deadlines somebody waits for, the earliest first: a binary heap in which each key knows its place.</summary>
/// <remarks>
/// A key stays where it is while its holders change: an entry that comes due too early is looked at and put back. So a busy key costs
/// nothing here. Under the stripe's gate.
/// </remarks>
internal sealed class DeadlineHeap
{
    private KeyQueue[] _items = [];

    public int Count { get; private set; }

    public long Earliest => Count == 0 ? Claim.Never : _items[0].DueAt;

    public KeyQueue First => _items[0];

    /// <summary>Makes sure that the key is looked at no later than <paramref name="dueAt"/>.</summary>
    public void EnsureBy(KeyQueue queue, long dueAt)
    {
        if (dueAt == Claim.Never || (queue.HeapIndex >= 0 && queue.DueAt <= dueAt))
            return;
        queue.DueAt = dueAt;
        if (queue.HeapIndex < 0)
        {
            if (Count == _items.Length)
                Array.Resize(ref _items, Math.Max(4, Count * 2));
            queue.HeapIndex = Count;
            _items[Count++] = queue;
        }

        Up(queue);
    }

    public void Remove(KeyQueue queue)
    {
        var at = queue.HeapIndex;
        if (at < 0)
            return;
        queue.HeapIndex = -1;
        var last = _items[--Count];
        _items[Count] = null!;
        if (_items.Length > 64 && Count * 8 < _items.Length)
            Array.Resize(ref _items, _items.Length / 2);
        if (last == queue)
            return;
        _items[at] = last;
        last.HeapIndex = at;
        Up(last);
        Down(last);
    }

    private void Up(KeyQueue queue)
    {
        var at = queue.HeapIndex;
        while (at > 0)
        {
            var parent = (at - 1) / 2;
            if (_items[parent].DueAt <= queue.DueAt)
                break;
            _items[at] = _items[parent];
            _items[at].HeapIndex = at;
            at = parent;
        }

        _items[at] = queue;
        queue.HeapIndex = at;
    }

    private void Down(KeyQueue queue)
    {
        var at = queue.HeapIndex;
        while (true)
        {
            var child = (2 * at) + 1;
            if (child >= Count)
                break;
            if (child + 1 < Count && _items[child + 1].DueAt < _items[child].DueAt)
                child++;
            if (_items[child].DueAt >= queue.DueAt)
                break;
            _items[at] = _items[child];
            _items[at].HeapIndex = at;
            at = child;
        }

        _items[at] = queue;
        queue.HeapIndex = at;
    }
}
