using System.Globalization;

namespace Locking.Torture;

/// <summary>A wall clock of its own for the processes that are started with it: libfaketime, loaded into them, reads from a file how far it
/// is from the right time. The clocks that nobody can set stay as they are.</summary>
/// <remarks>A program that asks the kernel around the C library keeps the right time: those written in Go, such as etcd.</remarks>
public sealed class FakeClock : IDisposable
{
    private const string Library = "libfaketimeMT.so.1";
    private const string SharedMemory = "/dev/shm";

    private static readonly Lazy<string?> s_found = new(Find);

    private readonly string _library;
    private readonly string _folder = Directory.CreateTempSubdirectory("lock-clock-").FullName;

    /// <summary>Makes a clock that is right.</summary>
    /// <exception cref="InvalidOperationException">The machine has no libfaketime.</exception>
    public FakeClock()
    {
        _library = s_found.Value ?? throw new InvalidOperationException(Lack);

        // A server that does not run as root reads it too.
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(_folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
                | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute);
        Set(TimeSpan.Zero);
    }

    /// <summary>What this machine lacks for it; null: nothing.</summary>
    public static string? Lack => s_found.Value is null
        ? $"{Library} is missing below /usr/lib. Install the package libfaketime (eng/servers.sh start does)."
        : null;

    /// <summary>How far it is ahead of the right time.</summary>
    public TimeSpan Offset { get; private set; }

    /// <summary>Steps to a distance from the right time; below zero: behind it.</summary>
    public void Set(TimeSpan offset)
    {
        string next = OffsetFile + ".new";
        File.WriteAllText(next, offset.TotalSeconds.ToString("+0.000000;-0.000000", CultureInfo.InvariantCulture));
        File.Move(next, OffsetFile, overwrite: true);
        Offset = offset;
    }

    /// <summary>What a process that is started now needs in its environment.</summary>
    public IReadOnlyDictionary<string, string> Environment()
    {
        RemoveWhatTheKilledLeft();
        return new Dictionary<string, string>(StringComparer.Ordinal)
        {
            // jemalloc, as in redis-server, asks for the time before the library can answer, and hangs: the C library's heap goes first.
            ["LD_PRELOAD"] = _library + ":libc.so.6",
            ["FAKETIME_TIMESTAMP_FILE"] = OffsetFile,
            ["FAKETIME_NO_CACHE"] = "1",
            ["FAKETIME_DONT_FAKE_MONOTONIC"] = "1",
            // Without this every wait with a limit of monotonic time ends at once (0.9.10).
            ["FAKETIME_FORCE_MONOTONIC_FIX"] = "0",
            ["NO_FAKE_STAT"] = "1",
        };
    }

    /// <summary>What stands before the program in its command line, where its environment cannot be given.</summary>
    public string[] Launcher() => ["/usr/bin/env", .. Environment().Select(static one => $"{one.Key}={one.Value}")];

    /// <inheritdoc/>
    public void Dispose()
    {
        RemoveWhatTheKilledLeft();
        Directory.Delete(_folder, recursive: true);
    }

    private string OffsetFile => Path.Combine(_folder, "offset");

    private static string? Find() => Directory.Exists("/usr/lib")
        ? Directory.EnumerateFiles("/usr/lib", Library, SearchOption.AllDirectories).FirstOrDefault()
        : null;

    /// <summary>The library keeps a semaphore and a page for each process, by its number, and refuses to start where they are there
    /// already: a later process may have the number of one that was killed.</summary>
    private static void RemoveWhatTheKilledLeft()
    {
        foreach (string page in Directory.EnumerateFiles(SharedMemory, "faketime_shm_*"))
        {
            string number = page[(page.LastIndexOf('_') + 1)..];
            if (Directory.Exists("/proc/" + number))
                continue;
            File.Delete(page);
            File.Delete(Path.Combine(SharedMemory, "sem.faketime_sem_" + number));
        }
    }
}
