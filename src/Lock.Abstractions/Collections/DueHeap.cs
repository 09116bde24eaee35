namespace Locking;

/// <summary>A binary heap of items by due time, in which every item knows its place, so that one can be moved or taken out cheaply. Not thread-safe.</summary>
/// <typeparam name="T">The items; each is in one heap at a time.</typeparam>
/// <typeparam name="TSlot">Where they keep their place. A structure, so that the access is compiled away.</typeparam>
internal sealed class DueHeap<T, TSlot>
    where T : class
    where TSlot : struct, IHeapSlot<T>
{
    private const int SmallestShrunk = 64;

    private T[] _items = [];

    public int Count { get; private set; }

    public T? First => Count == 0 ? null : _items[0];

    /// <summary>When the first is due; <see cref="long.MaxValue"/> when there is none.</summary>
    public long Earliest => Count == 0 ? long.MaxValue : TSlot.Of(_items[0]).Due;

    /// <summary>All that are in it.</summary>
    public T[] ToArray() => _items[..Count];

    /// <summary>Puts an item in, or moves it.</summary>
    public void Set(T item, long due)
    {
        ref HeapSlot slot = ref TSlot.Of(item);
        slot.Due = due;
        if (!slot.IsIn)
        {
            if (Count == _items.Length)
                Array.Resize(ref _items, Math.Max(4, Count * 2));
            slot.Place = ++Count;
        }

        Settle(item);
    }

    /// <summary>Takes an item out, if it is in.</summary>
    public void Remove(T item)
    {
        ref HeapSlot slot = ref TSlot.Of(item);
        if (!slot.IsIn)
            return;
        int place = slot.Place;
        slot.Place = 0;
        T last = _items[--Count];
        _items[Count] = null!;
        if (last != item)
        {
            TSlot.Of(last).Place = place;
            Settle(last);
        }

        if (_items.Length > SmallestShrunk && Count * 8 < _items.Length)
            Array.Resize(ref _items, _items.Length / 2);
    }

    /// <summary>Moves an item from its place to where its time belongs.</summary>
    private void Settle(T item)
    {
        ref HeapSlot slot = ref TSlot.Of(item);
        int at = slot.Place - 1;
        while (at > 0 && TSlot.Of(_items[(at - 1) / 2]).Due > slot.Due)
        {
            Put(_items[(at - 1) / 2], at);
            at = (at - 1) / 2;
        }

        while (EarlierChild(at) is var child && child < Count && TSlot.Of(_items[child]).Due < slot.Due)
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
        return child + 1 < Count && TSlot.Of(_items[child + 1]).Due < TSlot.Of(_items[child]).Due ? child + 1 : child;
    }

    private void Put(T item, int at)
    {
        _items[at] = item;
        TSlot.Of(item).Place = at + 1;
    }
}
