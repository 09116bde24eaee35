using System.Runtime.InteropServices;

namespace Locking;

/// <summary>Signal numbers of this system, and what this process was told to do with them.</summary>
internal static unsafe class Signals
{
    public const int Hangup = 1;
    public const int Interrupt = 2;
    public const int Quit = 3;
    public const int Kill = 9;
    public const int Pipe = 13;
    public const int Terminate = 15;

    // A sigset_t or a struct sigaction fits in here on every system we run on.
    private const int Room = 256;
    private const nint Ignore = 1;

    public static int User1 => OperatingSystem.IsMacOS() ? 30 : 10;

    public static int User2 => OperatingSystem.IsMacOS() ? 31 : 12;

    public static int Child => OperatingSystem.IsMacOS() ? 20 : 17;

    public static int Continue => OperatingSystem.IsMacOS() ? 19 : 18;

    public static int Stop => OperatingSystem.IsMacOS() ? 17 : 19;

    public static int TerminalStop => OperatingSystem.IsMacOS() ? 18 : 20;

    public static int TerminalInput => 21;

    public static int TerminalOutput => 22;

    public static int WindowChange => 28;

    /// <summary>The number of a signal that a handler was given: negative values are .NET's own names.</summary>
    public static int NumberOf(PosixSignal signal)
    {
        switch (signal)
        {
            case PosixSignal.SIGHUP:
                return Hangup;
            case PosixSignal.SIGINT:
                return Interrupt;
            case PosixSignal.SIGQUIT:
                return Quit;
            case PosixSignal.SIGTERM:
                return Terminate;
            default:
                if (OperatingSystem.IsWindows())
                    return (int)signal;
                return signal switch
                {
                    PosixSignal.SIGCONT => Continue,
                    PosixSignal.SIGWINCH => WindowChange,
                    PosixSignal.SIGTSTP => TerminalStop,
                    _ => (int)signal,
                };
        }
    }

    /// <summary>Whether whoever started this process wants a signal ignored, as <c>nohup</c> does.</summary>
    public static bool IsIgnored(int signal)
    {
        byte* action = stackalloc byte[Room];
        return LibC.sigaction(signal, null, action) == 0 && *(nint*)action == Ignore;
    }

    /// <summary>Lets this process learn how its children end, also where whoever started it wants to hear of none of his own.</summary>
    /// <remarks>While SIGCHLD is ignored the kernel reaps them itself, and who waits for one learns nothing.</remarks>
    public static void WaitForChildren()
    {
        if (IsIgnored(Child))
            LibC.signal(Child, 0);
    }

    /// <summary>Holds a signal back from the calling thread until the answer is disposed of, on the same thread.</summary>
    public static HeldBack HoldBack(int signal) => new(signal);

    /// <summary>Stops the other processes of our group, as the terminal would have done had the command been one of it.</summary>
    /// <param name="signal">The signal that stopped the command.</param>
    public static void StopOthersOfGroup(int signal)
    {
        byte* ours = stackalloc byte[Room];
        LibC.sigaction(signal, null, ours);
        LibC.signal(signal, Ignore);
        LibC.kill(0, signal);
        LibC.sigaction(signal, ours, null);
    }

    /// <summary>Ends this process by a signal, so that its parent sees how it ended. Returns only if the signal is blocked.</summary>
    public static void Raise(int signal)
    {
        LibC.signal(signal, 0);
        LibC.kill(LibC.getpid(), signal);
    }

    /// <summary>A signal that the calling thread holds back.</summary>
    public ref struct HeldBack : IDisposable
    {
        private fixed byte _before[Room];

        internal HeldBack(int signal)
        {
            byte* signals = stackalloc byte[Room];
            LibC.sigemptyset(signals);
            LibC.sigaddset(signals, signal);
            fixed (byte* before = _before)
                LibC.pthread_sigmask(LibC.Block, signals, before);
        }

        /// <inheritdoc/>
        public void Dispose()
        {
            fixed (byte* before = _before)
                LibC.pthread_sigmask(LibC.SetMask, before, null);
        }
    }
}
