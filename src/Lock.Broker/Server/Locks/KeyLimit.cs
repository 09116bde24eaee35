namespace Locking;

/// <summary>How many keys may be held or waited for at once.</summary>
/// <remarks>Counting the keys takes every gate of the table, so that it is done only when as many requests have come since the last
/// count as there was room for then. Requests that arrive at the same moment may go a little beyond the limit.</remarks>
internal sealed class KeyLimit(LockTable table, int most)
{
    private int _roomAtLeast;

    /// <summary>Whether a new key would be one too many.</summary>
    public bool IsReached(string key)
    {
        if (Interlocked.Decrement(ref _roomAtLeast) >= 0)
            return false;
        int room = most - table.KeyCount;
        Volatile.Write(ref _roomAtLeast, Math.Max(room, 1) - 1);
        if (room > 0)
            return false;
        KeyReport report = table.Report(key);
        return report.HolderIds.Count == 0 && report.Waiters == 0;
    }
}
