namespace Locking;

/// <summary>An item of a <see cref="DueHeap{T}"/>, which knows its place. Guarded by whoever guards the heap.</summary>
/// <remarks>A base class, since a heap over any other kind of generic item costs a look-up with each access.</remarks>
internal abstract class HeapItem
{
    /// <summary>Its place, from 1; 0 when it is in no heap.</summary>
    internal int Place;

    /// <summary>When it is due.</summary>
    internal long Due;
}
