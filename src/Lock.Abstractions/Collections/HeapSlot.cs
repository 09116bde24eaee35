namespace Locking;

/// <summary>The place of an item in a <see cref="DueHeap{T, TSlot}"/>, kept in the item itself.</summary>
internal struct HeapSlot
{
    /// <summary>Its place, from 1; 0 when it is in no heap.</summary>
    internal int Place;

    /// <summary>When it is due.</summary>
    internal long Due;

    public readonly bool IsIn => Place > 0;
}
