namespace Locking;

/// <summary>The neighbours of an item in an <see cref="IntrusiveList{T, TLinks}"/>, kept in the item itself.</summary>
internal struct Links<T>
    where T : class
{
    internal T? Before;

    internal T? After;
}
