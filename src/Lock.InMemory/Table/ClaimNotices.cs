namespace Locking;

/// <summary>Callbacks that a step has caused and that have not been made yet, in their order.</summary>
/// <remarks>
/// Handed out so that a server can write its own reply before the notices that it causes. Whoever receives it must call
/// <see cref="Deliver"/> exactly once, promptly and outside every gate. The default value is empty.
/// </remarks>
internal readonly struct ClaimNotices
{
    /// <summary>Whether there is nothing to deliver.</summary>
    public bool IsEmpty => true;

    /// <summary>Makes the callbacks.</summary>
    public void Deliver()
    {
    }
}
