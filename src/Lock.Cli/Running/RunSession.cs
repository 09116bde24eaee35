using System.Globalization;

namespace Locking;

/// <summary>One command under a lock that has been granted: start, loss, end, release.</summary>
internal sealed class RunSession
{
    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(20);

    private readonly Configured _configured;
    private readonly ILockHandle _handle;
    private readonly TimeSpan _grace;
    private readonly TimeProvider _time = TimeProvider.System;
    private RunningCommand? _command;
    private ITimer? _killTimer;
    private long _lostAt;
    private int _lost;

    public RunSession(Configured configured, ILockHandle handle, TimeSpan grace)
    {
        _configured = configured;
        _handle = handle;
        _grace = grace;
    }

    /// <summary>Says that a command could not be started.</summary>
    /// <returns><paramref name="code"/>.</returns>
    public static int NotStarted(string command, int code)
    {
        Streams.Error(code == ExitCode.NotFound
            ? $"{Printable.Text(command)}: there is no such command."
            : $"{Printable.Text(command)}: it cannot be executed.");
        return code;
    }

    /// <summary>Runs the command to its end, and gives the lock back.</summary>
    /// <param name="words">Its command line.</param>
    /// <param name="path">Its file.</param>
    /// <param name="signals">The signals, which go to it once it runs.</param>
    /// <returns>The exit code.</returns>
    public int Run(string[] words, string path, SignalRelay signals)
    {
        Watcher? watcher;
        try
        {
            watcher = OperatingSystem.IsWindows() ? null : Watcher.Start(_handle, _configured.Text);
        }
        catch (IOException exception)
        {
            // Without it the promise for kill -9 could not be kept.
            _handle.UnlockAsync().AsTask().GetAwaiter().GetResult();
            Streams.Error($"the command was not started, since its watcher could not be: {exception.Message}");
            return ExitCode.NotExecutable;
        }

        int code = signals.Received != 0 ? ExitCode.OfSignal(signals.Received) : RunWatched(words, path, signals, watcher);
        UnlockOutcome outcome = _handle.UnlockAsync().AsTask().GetAwaiter().GetResult();
        watcher?.Dismiss();
        watcher?.Dispose();
        if (_command is null)
            return code;
        code = Judge(code, outcome);
        if (code == ExitCode.OfSignal(Signals.Interrupt))
            _command.EndAlike();
        _command.Dispose();
        return code;
    }

    private int RunWatched(string[] words, string path, SignalRelay signals, Watcher? watcher)
    {
        int started = Start(words, path);
        if (_command is null)
            return NotStarted(words[0], started);
        watcher?.Watch(_command.Pid);
        return Attend(_command, signals);
    }

    private int Start(string[] words, string path)
    {
        // An array: the collection on the stack has no compiled code at start-up.
        var variables = new (string Name, string? Value)[]
        {
            ("LOCK_KEY", _handle.Key),
            ("LOCK_ID", _handle.Id),
            ("LOCK_FENCING_TOKEN", _handle.FencingToken?.ToString(CultureInfo.InvariantCulture)),
            ("LOCK_OWNER", _handle.Owner),
        };
        if (OperatingSystem.IsWindows())
            return WindowsCommand.Start(words, variables, out _command);
        int result = PosixCommand.Start(words, path, variables, out PosixCommand? command);
        _command = command;
        return result;
    }

    private int Attend(RunningCommand command, SignalRelay signals)
    {
        using CancellationTokenRegistration lost = _handle.LostToken.UnsafeRegister(
            static session => ((RunSession)session!).OnLost(), this);
        signals.PassTo(command, LookAtLease);
        int code = command.WaitForExit();
        signals.Detach();
        if (Volatile.Read(ref _lost) != 0)
            EndRemains(command);
        _killTimer?.Dispose();
        return code;
    }

    /// <summary>After a stop the lease may have ended without anybody to notice: look before the command goes on.</summary>
    private void LookAtLease()
    {
        if (_handle.LostReason is not null || _handle.Remaining == TimeSpan.Zero)
            OnLost();
    }

    private void OnLost()
    {
        if (Interlocked.Exchange(ref _lost, 1) != 0)
            return;
        _lostAt = _time.GetTimestamp();
        RunningCommand command = _command!;
        _killTimer = _time.CreateTimer(static command => ((RunningCommand)command!).Kill(), command, _grace, Timeout.InfiniteTimeSpan);
        command.Terminate();
        Streams.Error(
            $"the lock '{Printable.Text(_handle.Key)}' was lost ({_handle.LostReason ?? LostReason.Expired}); the command is told to end.");
    }

    /// <summary>What the command has started gets the same grace as the command itself.</summary>
    private void EndRemains(RunningCommand command)
    {
        while (command.HasRemains && _time.GetElapsedTime(Volatile.Read(ref _lostAt)) < _grace)
            Task.Delay(s_look, _time).GetAwaiter().GetResult();
        command.Kill();
    }

    private int Judge(int code, UnlockOutcome outcome)
    {
        if (Volatile.Read(ref _lost) != 0)
            return ExitCode.Lost;
        string key = Printable.Text(_handle.Key);
        switch (outcome)
        {
            case UnlockOutcome.Released:
                return code;
            case UnlockOutcome.Unknown:
                Streams.Error($"the backend did not answer when the lock '{key}' was to be given back; it ends with its ttl.");
                return code;
            case UnlockOutcome.AlreadyExpired:
            case UnlockOutcome.HeldByAnother:
                Streams.Error($"the lock '{key}' was lost before the command had ended"
                    + $"{(outcome == UnlockOutcome.HeldByAnother ? "; somebody else holds it now" : "")}.");
                return ExitCode.Lost;
            default:
                throw new InvalidOperationException($"Unknown outcome {outcome}.");
        }
    }
}
