namespace Locking;

/// <summary>A table of one's own for in-memory locks: the <see cref="InMemoryLock"/> and <see cref="InMemoryLockStore"/> that are given the
/// same one exclude each other and nobody else. Without it they use the process's table of their clock.</summary>
/// <remarks>For tests that run side by side. Thread-safe. Keeps nothing of keys that nobody holds or waits for.</remarks>
public sealed class InMemoryLockTable : IDisposable
{
    /// <summary>Makes an empty table.</summary>
    /// <param name="timeProvider">The only clock; null for the system's.</param>
    public InMemoryLockTable(TimeProvider? timeProvider = null) => Table = new LockTable(timeProvider ?? TimeProvider.System);

    internal LockTable Table { get; }

    /// <summary>Stops the table's timers. To be called after everything that uses the table was disposed; leases that are still there end
    /// for whoever asks, but wake nobody.</summary>
    public void Dispose() => Table.Dispose();
}
