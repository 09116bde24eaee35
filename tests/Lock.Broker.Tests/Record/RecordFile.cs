namespace Locking;

/// <summary>What the next broker would find.</summary>
internal static class RecordFile
{
    public static string Of(string socket) => socket + ".record";

    /// <summary>The leases on record, read from a copy.</summary>
    public static List<RecordedLease> Read(string record)
    {
        string copy = Path.Combine(Path.GetTempPath(), $"lock-record-{Guid.NewGuid():N}");
        try
        {
            File.Copy(record, copy);
            using var read = new LeaseRecord(copy, isDurable: false, TimeProvider.System);
            return read.Load();
        }
        finally
        {
            File.Delete(copy);
        }
    }

    /// <summary>The keys on record, in order.</summary>
    public static List<string> Keys(string record) => [.. Read(record).Select(static lease => lease.Key).Order(StringComparer.Ordinal)];

    /// <summary>Says on record that anything may be held for so long.</summary>
    public static void Pause(string record, TimeSpan time, TimeProvider? clock = null)
    {
        using var open = new LeaseRecord(record, isDurable: false, clock ?? TimeProvider.System);
        open.Load();
        open.PauseAll(time);
    }
}
