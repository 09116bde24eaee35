namespace Locking;

/// <summary>Where an item keeps its place in a heap.</summary>
internal interface IHeapSlot<T>
    where T : class
{
    static abstract ref HeapSlot Of(T item);
}
