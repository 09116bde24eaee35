namespace Locking;

/// <summary>A file that one process at a time has for itself. It is never removed: two could then hold two different files of the same
/// name.</summary>
internal static class FileLock
{
    /// <summary>Takes it, or throws an exception of which <see cref="IsTaken"/> says so when somebody else has it.</summary>
    public static FileStream Take(string path) => new(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);

    /// <summary>Whether a failure to take it means that somebody else has it.</summary>
    public static bool IsTaken(Exception e)
    {
        // EWOULDBLOCK on Linux (11) and macOS (35); ERROR_SHARING_VIOLATION on Windows.
        int code = e.HResult & 0xffff;
        return OperatingSystem.IsWindows() ? code is 32 or 33 : code == (OperatingSystem.IsMacOS() ? 35 : 11);
    }
}
