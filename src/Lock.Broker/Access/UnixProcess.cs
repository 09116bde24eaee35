using System.Runtime.InteropServices;

namespace Locking;

/// <summary>What a process has from the one that started it.</summary>
internal static unsafe partial class UnixProcess
{
    private const int ProcessorTime = 0;
    private const int FileSize = 1;
    private const uint OthersNothing = 0x3f; // 077

    /// <summary>Leaves what a broker needs nothing of. Each fails quietly: a leader stays in its session, and only the system's user raises
    /// a priority.</summary>
    public static void Detach()
    {
        if (OperatingSystem.IsWindows())
            return;
        _ = SetSessionId();
        _ = SetFileMask(OthersNothing);
        Directory.SetCurrentDirectory("/");
        _ = SetPriority(0, 0, 0);

        // The record grows, and a broker lives for long: of a command's limits only those count that it could not raise itself.
        RaiseLimit(ProcessorTime);
        RaiseLimit(FileSize);
    }

    private static void RaiseLimit(int resource)
    {
        // struct rlimit: the limit that counts, and the one it may be raised to; each a word.
        nuint* limits = stackalloc nuint[2];
        if (GetLimit(resource, limits) != 0)
            return;
        limits[0] = limits[1];
        _ = SetLimit(resource, limits);
    }

    [LibraryImport("libc", EntryPoint = "setsid")]
    private static partial int SetSessionId();

    [LibraryImport("libc", EntryPoint = "umask")]
    private static partial uint SetFileMask(uint mask);

    [LibraryImport("libc", EntryPoint = "setpriority")]
    private static partial int SetPriority(int which, uint who, int priority);

    [LibraryImport("libc", EntryPoint = "getrlimit")]
    private static partial int GetLimit(int resource, nuint* limits);

    [LibraryImport("libc", EntryPoint = "setrlimit")]
    private static partial int SetLimit(int resource, nuint* limits);
}
