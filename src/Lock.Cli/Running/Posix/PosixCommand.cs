namespace Locking;

/// <summary>A command in a process group of its own, so that all it starts can be signalled at once.</summary>
internal sealed unsafe class PosixCommand : RunningCommand
{
    private readonly Lock _gate = new();
    private readonly TerminalControl? _terminal;
    private bool _reaped;
    private int _endedBy;

    private PosixCommand(int pid, TerminalControl? terminal)
    {
        Pid = pid;
        _terminal = terminal;
    }

    /// <inheritdoc/>
    public override int Pid { get; }

    /// <inheritdoc/>
    public override bool HasRemains => LibC.kill(-Pid, 0) == 0;

    /// <summary>Starts it.</summary>
    /// <param name="command">The words of its command line.</param>
    /// <param name="path">Its file.</param>
    /// <param name="variables">What its environment has more than ours.</param>
    /// <param name="started">The command, when it could be started.</param>
    /// <returns>Zero, or 126 or 127 when it could not be started.</returns>
    public static int Start(
        string[] command, string path, ReadOnlySpan<(string Name, string? Value)> variables, out PosixCommand? started)
    {
        TerminalControl? terminal = TerminalControl.Open();
        using CStringArray environment = InheritedEnvironment.With(variables);
        using var arguments = new CStringArray();
        foreach (byte[] word in CommandWords.AsGiven(command))
            arguments.Add(word);
        int error = PosixSpawn.Start(path, arguments, environment, out int pid);
        if (error == LibC.NotAProgram)
        {
            // A script without a first line that names its interpreter: shells run it themselves.
            using var script = new CStringArray();
            script.Add("/bin/sh");
            script.Add(path);
            foreach (byte[]? word in CommandWords.AsGiven(command).AsSpan(1))
                script.Add(word);
            error = PosixSpawn.Start("/bin/sh", script, environment, out pid);
        }

        started = null;
        if (error != 0)
        {
            terminal?.Dispose();
            return error is LibC.NotFound or LibC.NotADirectory ? ExitCode.NotFound : ExitCode.NotExecutable;
        }

        started = new PosixCommand(pid, terminal);
        terminal?.OnStarted(started);
        return 0;
    }

    /// <inheritdoc/>
    public override int WaitForExit()
    {
        while (true)
        {
            // Look without reaping first: the number stays ours until the gate is taken, so that nobody signals a stranger who got it next.
            byte* information = stackalloc byte[256];
            if (LibC.waitid(LibC.OneProcess, Pid, information, LibC.WaitExited | LibC.WaitStopped | LibC.WaitNoReap) != 0
                && LibC.Errno == LibC.Interrupted)
            {
                continue;
            }

            int status;
            int result;
            lock (_gate)
            {
                result = LibC.waitpid(Pid, &status, LibC.NoHang | LibC.Untraced);
                if (result == 0 || (result < 0 && LibC.Errno == LibC.Interrupted))
                    continue;
                if (result < 0 || (status & 0xff) != 0x7f)
                    _reaped = true;
            }

            // Somebody else reaped it: how it ended cannot be known.
            if (result < 0)
                return ExitCode.NotExecutable;
            if ((status & 0xff) == 0x7f)
            {
                _terminal?.OnStopped(this, (status >> 8) & 0xff);
                continue;
            }

            _terminal?.OnEnded(this);
            _endedBy = status & 0x7f;
            return _endedBy == 0 ? (status >> 8) & 0xff : ExitCode.OfSignal(_endedBy);
        }
    }

    /// <inheritdoc/>
    public override void Terminate()
    {
        Forward(Signals.Terminate);

        // A stopped process hears of it only when it goes on.
        Forward(Signals.Continue);
    }

    /// <inheritdoc/>
    public override void Kill()
    {
        if (HasRemains)
            LibC.kill(-Pid, Signals.Kill);
    }

    /// <inheritdoc/>
    public override void Forward(int signal)
    {
        lock (_gate)
        {
            if (!_reaped)
                LibC.kill(-Pid, signal);
        }
    }

    /// <inheritdoc/>
    public override void Continue()
    {
        _terminal?.OnContinued(this);
        Forward(Signals.Continue);
    }

    /// <inheritdoc/>
    public override void EndAlike()
    {
        // A shell stops a script or a loop at Ctrl-C only when what it ran was ended by that signal.
        if (_endedBy == Signals.Interrupt && _terminal is not null)
            _terminal.EndByInterrupt();
    }

    /// <inheritdoc/>
    public override void Dispose() => _terminal?.Dispose();
}
