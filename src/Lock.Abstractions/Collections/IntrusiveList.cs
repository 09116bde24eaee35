namespace Locking;

/// <summary>A list through its items: coming and going costs no memory, from whatever place. Not thread-safe.</summary>
/// <typeparam name="T">The items; each stands in one list at a time.</typeparam>
internal struct IntrusiveList<T>
    where T : ListItem
{
    private ListItem? _first;
    private ListItem? _last;

    public readonly T? First => (T?)_first;

    public readonly T? Last => (T?)_last;

    public void AddLast(T item)
    {
        item.Before = _last;
        if (_last is null)
            _first = item;
        else
            _last.After = item;
        _last = item;
    }

    public void AddFirst(T item)
    {
        item.After = _first;
        if (_first is null)
            _last = item;
        else
            _first.Before = item;
        _first = item;
    }

    /// <summary>Takes out an item that stands in this list.</summary>
    public void Remove(T item)
    {
        if (item.Before is null)
            _first = item.After;
        else
            item.Before.After = item.After;
        if (item.After is null)
            _last = item.Before;
        else
            item.After.Before = item.Before;
        item.Before = item.After = null;
    }
}
