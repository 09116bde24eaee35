namespace Locking;

/// <summary>A list through its items: coming and going costs no memory, from whatever place. Not thread-safe.</summary>
/// <typeparam name="T">The items; each stands in one list at a time.</typeparam>
/// <typeparam name="TLinks">Where they keep their neighbours. A structure, so that the access is compiled away.</typeparam>
internal struct IntrusiveList<T, TLinks>
    where T : class
    where TLinks : struct, ILinks<T>
{
    public T? First { get; private set; }

    public T? Last { get; private set; }

    /// <summary>Who comes after an item; null after the last.</summary>
    public static T? After(T item) => TLinks.Of(item).After;

    public void AddLast(T item)
    {
        TLinks.Of(item).Before = Last;
        if (Last is null)
            First = item;
        else
            TLinks.Of(Last).After = item;
        Last = item;
    }

    public void AddFirst(T item)
    {
        TLinks.Of(item).After = First;
        if (First is null)
            Last = item;
        else
            TLinks.Of(First).Before = item;
        First = item;
    }

    /// <summary>Takes out an item that stands in this list.</summary>
    public void Remove(T item)
    {
        ref Links<T> links = ref TLinks.Of(item);
        if (links.Before is null)
            First = links.After;
        else
            TLinks.Of(links.Before).After = links.After;
        if (links.After is null)
            Last = links.Before;
        else
            TLinks.Of(links.After).Before = links.Before;
        links = default;
    }
}
