namespace Locking;

/// <summary>Where an item keeps its neighbours: an item that stands in two lists has two of them.</summary>
internal interface ILinks<T>
    where T : class
{
    static abstract ref Links<T> Of(T item);
}
