using System.Runtime.InteropServices;
using System.Text;

namespace Locking;

/// <summary>Starts a shell that keeps nothing of this process: no descriptor but three that lead nowhere, no session, no signal that is
/// blocked or ignored.</summary>
/// <remarks>A shell cannot close what it inherited beyond nine, and .NET's own start hands on every descriptor that is not marked
/// otherwise, such as the lock of a <c>flock</c> around this program: it would be held as long as the broker lives.</remarks>
internal static unsafe partial class DetachedProcess
{
    // posix_spawnattr_t is 336 bytes with glibc and musl, file actions 80, sigset_t 128; on macOS they are pointers and a word.
    private const int Room = 512;
    private const int ReadWrite = 2;
    private const int GetDescriptorFlags = 1;
    private const int CloseOnExec = 1;
    private const int SignalDefaults = 4;
    private const int SignalMask = 8;
    private const int Interrupted = 4;

    /// <summary>Starts it and waits for its end.</summary>
    /// <param name="arguments">What follows <c>/bin/sh</c>.</param>
    /// <param name="environment">All of its environment.</param>
    /// <returns>Its exit code; 0 where the system has seen to its end already.</returns>
    /// <exception cref="IOException">It cannot be started.</exception>
    public static int RunShell(IEnumerable<string> arguments, IEnumerable<KeyValuePair<string, string?>> environment)
    {
        byte* actions = stackalloc byte[Room];
        byte* attributes = stackalloc byte[Room];
        byte* signals = stackalloc byte[Room];
        using var program = new Texts(["/bin/sh"]);
        using var nowhere = new Texts(["/dev/null"]);
        using var words = new Texts(["/bin/sh", .. arguments]);
        using var variables = new Texts(
            environment.Where(static one => one.Value is not null).Select(static one => $"{one.Key}={one.Value}"));
        SpawnActionsInit(actions);
        SpawnAttributesInit(attributes);
        try
        {
            for (int standard = 0; standard < 3; standard++)
                SpawnActionsOpen(actions, standard, nowhere.First, ReadWrite, 0);
            foreach (int descriptor in Inherited())
                SpawnActionsClose(actions, descriptor);
            EmptySignals(signals);
            SpawnAttributesMask(attributes, signals);
            FillSignals(signals);
            SpawnAttributesDefaults(attributes, signals);
            SpawnAttributesFlags(attributes, (short)(SignalDefaults | SignalMask | (OperatingSystem.IsMacOS() ? 0x400 : 0x80)));
            int child;
            int error = Spawn(&child, program.First, actions, attributes, words.Pointer, variables.Pointer);
            if (error != 0)
                throw new IOException($"/bin/sh: {Marshal.GetPInvokeErrorMessage(error)}");
            return WaitFor(child);
        }
        finally
        {
            SpawnAttributesDestroy(attributes);
            SpawnActionsDestroy(actions);
        }
    }

    private static int WaitFor(int child)
    {
        int status;
        while (WaitPid(child, &status, 0) < 0)
        {
            // Where ended children are ignored, the system keeps no word of them.
            if (Marshal.GetLastPInvokeError() != Interrupted)
                return 0;
        }

        return (status & 0x7f) == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f);
    }

    /// <summary>The descriptors that a program which is started gets, beyond the standard ones.</summary>
    private static List<int> Inherited()
    {
        List<int> inherited = [];
        foreach (string file in Directory.EnumerateFileSystemEntries(OperatingSystem.IsLinux() ? "/proc/self/fd" : "/dev/fd"))
        {
            if (int.TryParse(Path.GetFileName(file), out int descriptor) && descriptor > 2
                && DescriptorFlags(descriptor, GetDescriptorFlags) is var flags and >= 0 && (flags & CloseOnExec) == 0)
            {
                inherited.Add(descriptor);
            }
        }

        return inherited;
    }

    [LibraryImport("libc", EntryPoint = "posix_spawn")]
    private static partial int Spawn(int* child, byte* program, byte* actions, byte* attributes, byte** arguments, byte** environment);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_init")]
    private static partial int SpawnActionsInit(byte* actions);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_destroy")]
    private static partial int SpawnActionsDestroy(byte* actions);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_addopen")]
    private static partial int SpawnActionsOpen(byte* actions, int descriptor, byte* path, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_addclose")]
    private static partial int SpawnActionsClose(byte* actions, int descriptor);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_init")]
    private static partial int SpawnAttributesInit(byte* attributes);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_destroy")]
    private static partial int SpawnAttributesDestroy(byte* attributes);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setflags")]
    private static partial int SpawnAttributesFlags(byte* attributes, short flags);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setsigmask")]
    private static partial int SpawnAttributesMask(byte* attributes, byte* signals);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setsigdefault")]
    private static partial int SpawnAttributesDefaults(byte* attributes, byte* signals);

    [LibraryImport("libc", EntryPoint = "sigemptyset")]
    private static partial int EmptySignals(byte* signals);

    [LibraryImport("libc", EntryPoint = "sigfillset")]
    private static partial int FillSignals(byte* signals);

    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int DescriptorFlags(int descriptor, int command);

    [LibraryImport("libc", EntryPoint = "waitpid", SetLastError = true)]
    private static partial int WaitPid(int child, int* status, int options);

    /// <summary>Strings as C has them, and an array of them that ends with a null pointer.</summary>
    private sealed class Texts : IDisposable
    {
        private readonly byte** _array;
        private readonly int _count;

        public Texts(IEnumerable<string> texts)
        {
            string[] all = [.. texts];
            _array = (byte**)NativeMemory.AllocZeroed((nuint)all.Length + 1, (nuint)sizeof(byte*));
            foreach (string text in all)
            {
                byte[] bytes = Encoding.UTF8.GetBytes(text);
                byte* copy = (byte*)NativeMemory.AllocZeroed((nuint)bytes.Length + 1);
                bytes.CopyTo(new Span<byte>(copy, bytes.Length));
                _array[_count++] = copy;
            }
        }

        public byte** Pointer => _array;

        public byte* First => _array[0];

        public void Dispose()
        {
            for (int i = 0; i < _count; i++)
                NativeMemory.Free(_array[i]);
            NativeMemory.Free(_array);
        }
    }
}
