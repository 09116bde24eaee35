namespace Locking;

/// <summary>Job control: who reads the terminal, and what a stop means, when the command has a process group of its own.</summary>
/// <remarks>
/// <para>
/// Where this process is a job of its own in front of an interactive shell, the command gets the terminal at once, as if the shell had
/// started it. Elsewhere (a pipeline, a script) others of our group may use it, so the command gets it only when it asks: the kernel
/// stops a background process that reads the terminal, we hand it over, and the process goes on. Until then Ctrl-C and Ctrl-Z come
/// to us, and are passed on.
/// </para>
/// <para>When the command is stopped from the keyboard we stop as well, so that the shell takes over; the command goes on only when we do,
/// after a look at the lease.</para>
/// </remarks>
internal sealed class TerminalControl : IDisposable
{
    private static readonly TimeSpan s_untilStopped = TimeSpan.FromSeconds(1);

    private readonly int _terminal;
    private readonly int _ownGroup = LibC.getpgrp();
    private readonly bool _isJob;
    private readonly ManualResetEventSlim _continued = new();
    private volatile bool _given;

    private TerminalControl(int terminal)
    {
        _terminal = terminal;
        _isJob = LibC.getpid() == _ownGroup && LibC.isatty(0) == 1 && LibC.isatty(1) == 1 && LibC.isatty(2) == 1;
    }

    private bool IsOurs => LibC.tcgetpgrp(_terminal) == _ownGroup;

    /// <summary>The terminal of this process, or null when it has none (cron, a service).</summary>
    public static TerminalControl? Open()
    {
        int terminal = LibC.OpenReadWrite("/dev/tty");
        return terminal < 0 ? null : new TerminalControl(terminal);
    }

    public void OnStarted(RunningCommand command)
    {
        if (_isJob && IsOurs)
            Give(command);
    }

    /// <summary>The command was stopped by a signal.</summary>
    public void OnStopped(RunningCommand command, int signal)
    {
        bool wantsTerminal = signal == Signals.TerminalInput || signal == Signals.TerminalOutput;
        int foreground = LibC.tcgetpgrp(_terminal);
        if (wantsTerminal && (foreground == _ownGroup || foreground == command.Pid))
        {
            Give(command);
            return;
        }

        // Stopped by somebody's kill -STOP: it stays so, and we go on renewing its lock.
        if (!wantsTerminal && signal != Signals.TerminalStop)
            return;
        bool fromKeyboard = foreground == command.Pid;
        if (fromKeyboard)
            PutInFront(_ownGroup);

        // A session leader has no shell that could continue it.
        if (LibC.getsid(0) == LibC.getpid())
        {
            Continue(command);
            return;
        }

        _given |= wantsTerminal;
        _continued.Reset();
        if (fromKeyboard || wantsTerminal)
            Signals.StopOthersOfGroup(signal);
        LibC.kill(LibC.getpid(), Signals.Stop);

        // A signal to a process with several threads may take a moment; nothing may be done before it has.
        _continued.Wait(s_untilStopped);
    }

    /// <summary>This process was continued: by the shell's <c>fg</c>, which gives us the terminal first, by <c>bg</c>, or by somebody
    /// else.</summary>
    public void OnContinued(RunningCommand command)
    {
        if ((_given || _isJob) && IsOurs)
            PutInFront(command.Pid);
        _continued.Set();
    }

    /// <summary>The command has ended.</summary>
    public void OnEnded(RunningCommand command)
    {
        if (!_given)
            return;

        // In front is the command's group, or one that it made and that is gone; any other, such as the shell's, keeps the terminal.
        int foreground = LibC.tcgetpgrp(_terminal);
        if (foreground == command.Pid || (foreground > 1 && LibC.kill(-foreground, 0) != 0))
            PutInFront(_ownGroup);
    }

    /// <summary>Ends this process, and what shares its group, as Ctrl-C would have done.</summary>
    public void EndByInterrupt()
    {
        if (_given && !_isJob && LibC.getpid() != _ownGroup)
            LibC.kill(0, Signals.Interrupt);
        Signals.Raise(Signals.Interrupt);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        LibC.close(_terminal);
        _continued.Dispose();
    }

    /// <summary>Gives the terminal to a process group.</summary>
    /// <remarks>From the background the kernel would stop us for it, unless this very thread holds SIGTTOU back. Ignoring it in the process
    /// is not enough: the runtime may set the signal back to its default when we are continued.</remarks>
    private void PutInFront(int group)
    {
        using Signals.HeldBack held = Signals.HoldBack(Signals.TerminalOutput);
        LibC.tcsetpgrp(_terminal, group);
    }

    private void Give(RunningCommand command)
    {
        _given = true;
        PutInFront(command.Pid);
        command.Forward(Signals.Continue);
    }

    private void Continue(RunningCommand command)
    {
        if (_given)
            PutInFront(command.Pid);
        command.Forward(Signals.Continue);
    }
}
