namespace Locking;

/// <summary>A binary heap of items by due time, in which every item knows its place, so that one can be moved or taken out cheaply. Not
/// thread-safe.</summary>
/// <typeparam name="T">The items; each is in one heap at a time.</typeparam>
internal sealed class DueHeap<T>
    where T : HeapItem
{
    private const int SmallestShrunk = 64;

    private HeapItem[] _items = [];

    public int Count { get; private set; }

    public T? First => Count == 0 ? null : (T)_items[0];

    /// <summary>When the first is due; <see cref="long.MaxValue"/> when there is none.</summary>
    public long Earliest => Count == 0 ? long.MaxValue : _items[0].Due;

    /// <summary>All that are in it.</summary>
    public T[] ToArray() => [.. _items.Take(Count).Cast<T>()];

    /// <summary>Puts an item in, or moves it.</summary>
    public void Set(T item, long due)
    {
        item.Due = due;
        if (item.Place == 0)
        {
            if (Count == _items.Length)
                Array.Resize(ref _items, Math.Max(4, Count * 2));
            item.Place = ++Count;
        }

        Settle(item);
    }

    /// <summary>Takes an item out, if it is in.</summary>
    public void Remove(T item)
    {
        if (item.Place == 0)
            return;
        int place = item.Place;
        item.Place = 0;
        HeapItem last = _items[--Count];
        _items[Count] = null!;
        if (last != item)
        {
            last.Place = place;
            Settle(last);
        }

        if (_items.Length > SmallestShrunk && Count * 8 < _items.Length)
            Array.Resize(ref _items, _items.Length / 2);
    }

    /// <summary>Moves an item from its place to where its time belongs.</summary>
    private void Settle(HeapItem item)
    {
        int at = item.Place - 1;
        while (at > 0 && _items[(at - 1) / 2].Due > item.Due)
        {
            Put(_items[(at - 1) / 2], at);
            at = (at - 1) / 2;
        }

        while (EarlierChild(at) is var child && child < Count && _items[child].Due < item.Due)
        {
            Put(_items[child], at);
            at = child;
        }

        Put(item, at);
    }

    /// <summary>The child of a place that is due first; beyond the end when there is none.</summary>
    private int EarlierChild(int at)
    {
        int child = (2 * at) + 1;
        return child + 1 < Count && _items[child + 1].Due < _items[child].Due ? child + 1 : child;
    }

    private void Put(HeapItem item, int at)
    {
        _items[at] = item;
        item.Place = at + 1;
    }
}
