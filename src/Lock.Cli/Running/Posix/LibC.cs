using System.Runtime.InteropServices;

[assembly: System.Runtime.CompilerServices.DisableRuntimeMarshalling]

namespace Locking;

/// <summary>The calls of the C library that starting and signalling a process group needs, as Linux (glibc and musl) and macOS have
/// them.</summary>
/// <remarks>Only blittable arguments, so that the published program holds them compiled.</remarks>
internal static unsafe partial class LibC
{
    public const int NotFound = 2;
    public const int Interrupted = 4;
    public const int NotAProgram = 8;
    public const int NoChild = 10;
    public const int NotADirectory = 20;

    public const int ReadWrite = 2;
    public const int ExecutePermission = 1;

    public const short SpawnProcessGroup = 0x02;
    public const short SpawnSignalDefaults = 0x04;
    public const short SpawnSignalMask = 0x08;

    public const int NoHang = 1;
    public const int Untraced = 2;
    public const int OneProcess = 1;
    public const int WaitExited = 4;

    private const string C = "libc";

    public static short SpawnNewSession => OperatingSystem.IsMacOS() ? (short)0x400 : (short)0x80;

    /// <summary>macOS: every descriptor is closed that no action names. Nothing elsewhere.</summary>
    public static short SpawnCloseOnExec => OperatingSystem.IsMacOS() ? (short)0x4000 : (short)0;

    public static int WaitStopped => OperatingSystem.IsMacOS() ? 8 : 2;

    /// <summary>Leaves the process waitable.</summary>
    public static int WaitNoReap => OperatingSystem.IsMacOS() ? 0x20 : 0x1000000;

    /// <summary>For <see cref="pthread_sigmask"/>: these as well.</summary>
    public static int Block => OperatingSystem.IsMacOS() ? 1 : 0;

    /// <summary>For <see cref="pthread_sigmask"/>: these alone.</summary>
    public static int SetMask => OperatingSystem.IsMacOS() ? 3 : 2;

    private static int CloseOnExec => OperatingSystem.IsMacOS() ? 0x1000000 : 0x80000;

    /// <summary>The error of the call before.</summary>
    public static int Errno => Marshal.GetLastPInvokeError();

    [LibraryImport(C)]
    public static partial int posix_spawn(
        int* pid, byte* path, void* fileActions, void* attributes, byte** arguments, byte** environment);

    [LibraryImport(C, SetLastError = true)]
    public static partial int execve(byte* path, byte** arguments, byte** environment);

    [LibraryImport(C)]
    public static partial int posix_spawnattr_init(void* attributes);

    [LibraryImport(C)]
    public static partial int posix_spawnattr_destroy(void* attributes);

    [LibraryImport(C)]
    public static partial int posix_spawnattr_setflags(void* attributes, short flags);

    [LibraryImport(C)]
    public static partial int posix_spawnattr_setpgroup(void* attributes, int group);

    [LibraryImport(C)]
    public static partial int posix_spawnattr_setsigdefault(void* attributes, void* signals);

    [LibraryImport(C)]
    public static partial int posix_spawnattr_setsigmask(void* attributes, void* signals);

    [LibraryImport(C)]
    public static partial int posix_spawn_file_actions_init(void* actions);

    [LibraryImport(C)]
    public static partial int posix_spawn_file_actions_destroy(void* actions);

    [LibraryImport(C)]
    public static partial int posix_spawn_file_actions_adddup2(void* actions, int from, int to);

    [LibraryImport(C)]
    public static partial int posix_spawn_file_actions_addopen(void* actions, int descriptor, byte* path, int flags, int mode);

    [LibraryImport(C)]
    public static partial int sigemptyset(void* signals);

    [LibraryImport(C)]
    public static partial int sigaddset(void* signals, int signal);

    /// <summary>The signals that the calling thread holds back: on Linux and macOS alike 128 bytes are room enough.</summary>
    [LibraryImport(C)]
    public static partial int pthread_sigmask(int how, void* signals, void* before);

    [LibraryImport(C)]
    public static partial int sigaction(int signal, void* action, void* before);

    [LibraryImport(C)]
    public static partial nint signal(int signal, nint handler);

    [LibraryImport(C, SetLastError = true)]
    public static partial int waitpid(int pid, int* status, int options);

    [LibraryImport(C, SetLastError = true)]
    public static partial int waitid(int idType, int id, void* information, int options);

    [LibraryImport(C)]
    public static partial int kill(int pid, int signal);

    [LibraryImport(C)]
    public static partial int getpid();

    [LibraryImport(C)]
    public static partial int getpgrp();

    [LibraryImport(C)]
    public static partial int getsid(int pid);

    [LibraryImport(C)]
    public static partial int tcgetpgrp(int terminal);

    [LibraryImport(C)]
    public static partial int tcsetpgrp(int terminal, int group);

    [LibraryImport(C)]
    public static partial int isatty(int descriptor);

    [LibraryImport(C, SetLastError = true)]
    public static partial int access(byte* path, int mode);

    [LibraryImport(C)]
    public static partial int write(int descriptor, byte* bytes, nint count);

    [LibraryImport(C)]
    public static partial int close(int descriptor);

    /// <summary>Opens a file for reading and writing; no program that is started inherits it.</summary>
    public static int OpenReadWrite(string path)
    {
        fixed (byte* bytes = new CString(path).Bytes)
            return open(bytes, ReadWrite | CloseOnExec);
    }

    /// <summary>The current directory as the system has it, byte for byte; empty when it is gone or longer than any path may be.</summary>
    public static ReadOnlySpan<byte> CurrentDirectory()
    {
        byte[] room = new byte[4096];
        fixed (byte* bytes = room)
            return getcwd(bytes, room.Length) is null ? default : room.AsSpan(0, room.AsSpan().IndexOf((byte)0));
    }

    /// <summary>Lets a program that is started have no descriptor from a number on; false where the C library cannot (musl,
    /// macOS).</summary>
    public static bool CloseFrom(void* actions, int first)
    {
        if (!NativeLibrary.TryGetExport(NativeLibrary.GetMainProgramHandle(), "posix_spawn_file_actions_addclosefrom_np", out nint call))
            return false;
        return ((delegate* unmanaged<void*, int, int>)call)(actions, first) == 0;
    }

    /// <summary>Makes a pipe whose ends no program that is started inherits.</summary>
    /// <exception cref="IOException">No descriptors are left.</exception>
    public static (int Read, int Write) Pipe()
    {
        const int setDescriptorFlags = 2;
        const int closeOnExecFlag = 1;
        int* ends = stackalloc int[2];
        if (OperatingSystem.IsMacOS())
        {
            // There is no pipe2. Nothing else is started between the calls.
            if (pipe(ends) != 0)
                throw new IOException($"pipe failed (error {Errno}).");
            fcntl(ends[0], setDescriptorFlags, closeOnExecFlag);
            fcntl(ends[1], setDescriptorFlags, closeOnExecFlag);
        }
        else if (pipe2(ends, CloseOnExec) != 0)
        {
            throw new IOException($"pipe2 failed (error {Errno}).");
        }

        return (ends[0], ends[1]);
    }

    [LibraryImport(C)]
    private static partial byte* getcwd(byte* bytes, nint room);

    // Both are variadic: on macOS for ARM that passes the last argument another way, but there it is either not used (open without
    // O_CREAT reads no mode) or harmless to get wrong (a flag that matters only to programs started meanwhile).
    [LibraryImport(C, SetLastError = true)]
    private static partial int open(byte* path, int flags);

    [LibraryImport(C)]
    private static partial int fcntl(int descriptor, int command, int argument);

    [LibraryImport(C, SetLastError = true)]
    private static partial int pipe(int* ends);

    [LibraryImport(C, SetLastError = true)]
    private static partial int pipe2(int* ends, int flags);
}
