namespace Locking;

/// <summary>A binary heap of alarms by due time, in which every alarm knows its place, so that one can be taken out cheaply.</summary>
internal sealed class AlarmHeap
{
    private Alarm[] _items = new Alarm[16];

    public int Count { get; private set; }

    public Alarm? First => Count == 0 ? null : _items[0];

    /// <summary>All that are set.</summary>
    public Alarm[] ToArray() => _items[..Count];

    public void Set(Alarm alarm, long due)
    {
        if (alarm.HeapIndex >= 0)
            Remove(alarm);
        if (Count == _items.Length)
            Array.Resize(ref _items, Count * 2);
        alarm.Due = due;
        Place(alarm, Count++);
        SiftUp(alarm.HeapIndex);
    }

    public void Remove(Alarm alarm)
    {
        var index = alarm.HeapIndex;
        if (index < 0)
            return;
        alarm.HeapIndex = -1;
        var last = _items[--Count];
        _items[Count] = null!;
        if (index == Count)
            return;
        Place(last, index);
        SiftUp(index);
        SiftDown(last.HeapIndex);
    }

    private void SiftUp(int index)
    {
        while (index > 0)
        {
            var parent = (index - 1) / 2;
            if (_items[parent].Due <= _items[index].Due)
                return;
            Swap(parent, index);
            index = parent;
        }
    }

    private void SiftDown(int index)
    {
        while (true)
        {
            var child = (2 * index) + 1;
            if (child >= Count)
                return;
            if (child + 1 < Count && _items[child + 1].Due < _items[child].Due)
                child++;
            if (_items[index].Due <= _items[child].Due)
                return;
            Swap(index, child);
            index = child;
        }
    }

    private void Swap(int a, int b)
    {
        var alarm = _items[a];
        Place(_items[b], a);
        Place(alarm, b);
    }

    private void Place(Alarm alarm, int index)
    {
        _items[index] = alarm;
        alarm.HeapIndex = index;
    }
}
