namespace Locking;

/// <summary>Something that must happen at a moment, whatever the thread pool is doing.</summary>
internal abstract class Alarm : HeapItem
{
    /// <summary>Runs once, on the alarm clock's own thread, with no gate held. Returns at once and runs no user code.</summary>
    internal abstract void Ring();

    /// <summary>The wall clock has stepped against the one that counts: it was set, or the machine stood still without that clock noticing.
    /// Told to every alarm that is set, on the alarm clock's own thread, with no gate held; returns at once. The alarm stays set.</summary>
    /// <param name="gained">How far the wall clock is ahead of where it was; negative when it was set back.</param>
    internal virtual void OnClockStep(TimeSpan gained)
    {
    }
}
