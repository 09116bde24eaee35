using System.Runtime.InteropServices;

namespace Locking;

/// <summary>Starts programs by <c>posix_spawn</c>: in a process group of their own, with the signals as a fresh program expects
/// them.</summary>
internal static unsafe class PosixSpawn
{
    // posix_spawnattr_t is 336 bytes with glibc and musl, file actions 80, sigset_t 128; on macOS they are pointers and a word.
    private const int Room = 512;

    /// <summary>Starts a program with this process's own standard streams.</summary>
    /// <param name="path">The file.</param>
    /// <param name="arguments">The arguments, the name first.</param>
    /// <param name="environment">The environment.</param>
    /// <param name="pid">The process, which leads a group of the same number.</param>
    /// <returns>Zero, or the error number.</returns>
    public static int Start(string path, CStringArray arguments, CStringArray environment, out int pid)
    {
        byte* actions = stackalloc byte[Room];
        LibC.posix_spawn_file_actions_init(actions);
        try
        {
            return Start(path, arguments, environment, LibC.SpawnProcessGroup, actions, out pid);
        }
        finally
        {
            LibC.posix_spawn_file_actions_destroy(actions);
        }
    }

    /// <summary>Starts a program in a session of its own, reading a descriptor as standard input and writing nowhere.</summary>
    /// <param name="path">The file.</param>
    /// <param name="arguments">The arguments, the name first.</param>
    /// <param name="environment">The environment.</param>
    /// <param name="input">The descriptor.</param>
    /// <param name="pid">The process.</param>
    /// <returns>Zero, or the error number.</returns>
    public static int StartDetached(string path, CStringArray arguments, CStringArray environment, int input, out int pid)
    {
        byte* actions = stackalloc byte[Room];
        LibC.posix_spawn_file_actions_init(actions);
        try
        {
            LibC.posix_spawn_file_actions_adddup2(actions, input, 0);
            fixed (byte* nowhere = new CString("/dev/null").Bytes)
            {
                LibC.posix_spawn_file_actions_addopen(actions, 1, nowhere, LibC.ReadWrite, 0);
                LibC.posix_spawn_file_actions_addopen(actions, 2, nowhere, LibC.ReadWrite, 0);
            }

            // Nothing of what we were given ourselves: a pipe or a lock of the caller's would stay open as long as this lives.
            short closeTheRest = LibC.CloseFrom(actions, 3) ? (short)0 : LibC.SpawnCloseOnExec;
            return Start(path, arguments, environment, (short)(LibC.SpawnNewSession | closeTheRest), actions, out pid);
        }
        finally
        {
            LibC.posix_spawn_file_actions_destroy(actions);
        }
    }

    private static int Start(
        string path, CStringArray arguments, CStringArray environment, short flags, byte* actions, out int pid)
    {
        byte* attributes = stackalloc byte[Room];
        byte* signals = stackalloc byte[Room];
        LibC.posix_spawnattr_init(attributes);
        try
        {
            LibC.posix_spawnattr_setpgroup(attributes, 0);

            // Nothing blocked. What is handled here is reset by the start itself; what is ignored would be inherited: SIGPIPE, which the
            // runtime ignores. What our own parent wanted ignored (nohup) stays ignored.
            LibC.sigemptyset(signals);
            LibC.posix_spawnattr_setsigmask(attributes, signals);
            LibC.sigaddset(signals, Signals.Pipe);
            LibC.posix_spawnattr_setsigdefault(attributes, signals);
            LibC.posix_spawnattr_setflags(attributes, (short)(flags | LibC.SpawnSignalDefaults | LibC.SpawnSignalMask));
            int child = 0;
            int error;
            fixed (byte* file = new CString(path).Bytes)
                error = LibC.posix_spawn(&child, file, actions, attributes, arguments.Pointer, environment.Pointer);
            pid = child;
            return error;
        }
        finally
        {
            LibC.posix_spawnattr_destroy(attributes);
        }
    }
}
