namespace Locking;

/// <summary>An item of an <see cref="IntrusiveList{T}"/>, which knows its neighbours. Guarded by whoever guards the list.</summary>
internal abstract class ListItem
{
    internal ListItem? Before;

    internal ListItem? After;
}
