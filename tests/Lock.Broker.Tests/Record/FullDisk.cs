using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Locking;

/// <summary>From now on every write of this process to a file fails as on a full disk, until it is disposed: the file's descriptor is
/// exchanged for that of a device that is always full.</summary>
internal sealed partial class FullDisk : IDisposable
{
    private readonly int _file;
    private readonly int _kept;

    private FullDisk(int file)
    {
        _file = file;
        _kept = Duplicate(file);
        using SafeFileHandle full = File.OpenHandle("/dev/full", FileMode.Open, FileAccess.Write);
        Assert.Equal(file, Replace((int)full.DangerousGetHandle(), file));
    }

    public static FullDisk At(string path)
    {
        string name = Path.GetFullPath(path);
        string file = Directory.EnumerateFiles("/proc/self/fd").First(link => new FileInfo(link).LinkTarget == name);
        return new FullDisk(int.Parse(Path.GetFileName(file)));
    }

    public void Dispose()
    {
        // A broker that has ended has closed it: its number may be another file's by now.
        if (new FileInfo($"/proc/self/fd/{_file}").LinkTarget == "/dev/full")
            _ = Replace(_kept, _file);
        _ = CloseFile(_kept);
    }

    [LibraryImport("libc", EntryPoint = "dup", SetLastError = true)]
    private static partial int Duplicate(int file);

    [LibraryImport("libc", EntryPoint = "dup2", SetLastError = true)]
    private static partial int Replace(int file, int by);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int CloseFile(int file);
}
