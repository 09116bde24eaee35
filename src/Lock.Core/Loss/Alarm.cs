namespace Locking;

/// <summary>Something that must happen at a moment, whatever the thread pool is doing.</summary>
internal abstract class Alarm
{
    /// <summary>Where the alarm stands in the heap; -1 when it is not set. Guarded by the clock's gate.</summary>
    internal int HeapIndex = -1;

    /// <summary>When it is due, by the monotonic clock. Guarded by the clock's gate.</summary>
    internal long Due;

    /// <summary>Runs once, on the alarm clock's own thread, with no gate held. Returns at once and runs no user code.</summary>
    internal abstract void Ring();
}
