namespace Locking;

/// <summary>The state of in-memory locks. Several <see cref="InMemoryLock"/> or <see cref="InMemoryLockStore"/> that are given the same
/// table exclude each other; without that each has a table of its own.</summary>
/// <remarks>Thread-safe. Keeps nothing of keys that nobody holds or waits for.</remarks>
public sealed class InMemoryLockTable : IDisposable
{
    /// <summary>Makes an empty table.</summary>
    /// <param name="timeProvider">The only clock; null for the system's.</param>
    public InMemoryLockTable(TimeProvider? timeProvider = null) => Table = new LockTable(timeProvider ?? TimeProvider.System);

    internal LockTable Table { get; }

    /// <summary>Stops the table's timers. To be called after everything that uses the table was disposed; leases that are still there end
    /// for whoever asks, but wake nobody.</summary>
    public void Dispose() => Table.Dispose();

    /// <summary>The table to use, and whether the user of it must dispose it.</summary>
    internal static (LockTable Table, bool IsOwned) Resolve(InMemoryLockTable? given, TimeProvider timeProvider)
    {
        if (given is null)
            return (new LockTable(timeProvider), true);
        if (!ReferenceEquals(given.Table.TimeProvider, timeProvider))
            throw new ArgumentException("The table and the context must have the same TimeProvider.", nameof(given));
        return (given.Table, false);
    }
}
