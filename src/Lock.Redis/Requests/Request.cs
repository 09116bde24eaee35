namespace Locking;

/// <summary>A request under way, as its time limit sees it.</summary>
internal abstract class Request
{
    /// <summary>Neighbours in the list of <see cref="Deadlines"/>, and the rest of what it notes; guarded by its gate.</summary>
    internal Request? Before;

    internal Request? After;

    internal long Due;

    internal bool IsTimed;

    /// <summary>The time is up.</summary>
    internal abstract void Expire();
}
