using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Locking;

/// <summary>What .NET does not tell of files and users on Unix.</summary>
internal static partial class UnixFiles
{
    private const int AtFdCwd = -100;
    private const int NoFollow = 0x100;
    private const int EmptyPath = 0x1000;
    private const uint StatxUid = 0x8;
    private const uint StatxNumber = 0x100;

    /// <summary>The effective user id.</summary>
    public static uint UserId => OperatingSystem.IsWindows() ? 0 : GetEffectiveUserId();

    /// <summary>Who owns a file or directory, links not followed; null where the system cannot tell.</summary>
    public static unsafe uint? OwnerOf(string path)
    {
        if (OperatingSystem.IsLinux())
        {
            // struct statx: stx_uid stands at byte 20, the same on every architecture; the struct has 256 bytes.
            byte* buffer = stackalloc byte[256];
            return Statx(AtFdCwd, path, NoFollow, StatxUid, buffer) == 0 ? *(uint*)(buffer + 20) : null;
        }

        if (OperatingSystem.IsMacOS())
        {
            // struct stat with 64-bit inodes: st_uid stands at byte 16; the struct has 144 bytes.
            byte* buffer = stackalloc byte[256];
            return LinkStat(path, buffer) == 0 ? *(uint*)(buffer + 16) : null;
        }

        return null;
    }

    /// <summary>Which file stands at a path, links not followed; null when there is none, or the system cannot tell.</summary>
    public static unsafe (ulong Device, ulong Number)? IdentityOf(string path)
    {
        byte* buffer = stackalloc byte[256];
        if (OperatingSystem.IsLinux())
            return Statx(AtFdCwd, path, NoFollow, StatxNumber, buffer) == 0 ? IdentityIn(buffer) : null;
        return OperatingSystem.IsMacOS() && LinkStat(path, buffer) == 0 ? IdentityIn(buffer) : null;
    }

    /// <summary>Which file is open; null where the system cannot tell.</summary>
    public static unsafe (ulong Device, ulong Number)? IdentityOf(SafeFileHandle file)
    {
        byte* buffer = stackalloc byte[256];
        int number = (int)file.DangerousGetHandle();
        if (OperatingSystem.IsLinux())
            return Statx(number, "", EmptyPath, StatxNumber, buffer) == 0 ? IdentityIn(buffer) : null;
        return OperatingSystem.IsMacOS() && FileStat(number, buffer) == 0 ? IdentityIn(buffer) : null;
    }

    /// <summary>The number that no file's reaches: descriptors below it are all there are. Null where the system does not tell.</summary>
    public static unsafe long? DescriptorLimit
    {
        get
        {
            if (!OperatingSystem.IsLinux() && !OperatingSystem.IsMacOS())
                return null;

            // struct rlimit: the limit that counts, and the one it may be raised to; each a word.
            nuint* limits = stackalloc nuint[2];
            return GetLimit(OperatingSystem.IsLinux() ? 7 : 8, limits) == 0 ? (long)Math.Min(limits[0], (nuint)int.MaxValue) : null;
        }
    }

    /// <summary>struct statx: stx_ino stands at byte 32, the device's two numbers at 136. struct stat of macOS: st_dev at 0, st_ino at
    /// 8.</summary>
    private static unsafe (ulong Device, ulong Number) IdentityIn(byte* buffer) => OperatingSystem.IsLinux()
        ? (*(ulong*)(buffer + 136), *(ulong*)(buffer + 32))
        : (*(uint*)buffer, *(ulong*)(buffer + 8));

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint GetEffectiveUserId();

    [LibraryImport("libc", EntryPoint = "getrlimit", SetLastError = true)]
    private static unsafe partial int GetLimit(int resource, nuint* limits);

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static unsafe partial int Statx(int directory, string path, int flags, uint mask, byte* buffer);

    [LibraryImport("libc", EntryPoint = "lstat", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static unsafe partial int LinkStat(string path, byte* buffer);

    [LibraryImport("libc", EntryPoint = "fstat", SetLastError = true)]
    private static unsafe partial int FileStat(int file, byte* buffer);
}
