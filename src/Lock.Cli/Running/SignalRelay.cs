using System.Runtime.InteropServices;

namespace Locking;

/// <summary>The signals that this process gets: before there is a command they end the wait, then they go to the command.</summary>
internal sealed class SignalRelay : IDisposable
{
    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly List<PosixSignalRegistration> _registrations = [];
    private RunningCommand? _command;
    private Action? _onContinued;
    private int _received;

    /// <summary>Starts listening.</summary>
    public SignalRelay()
    {
        Register(PosixSignal.SIGINT);
        Register(PosixSignal.SIGTERM);
        Register(PosixSignal.SIGHUP);
        Register(PosixSignal.SIGQUIT);
        if (OperatingSystem.IsWindows())
            return;
        Register((PosixSignal)Signals.User1);
        Register((PosixSignal)Signals.User2);
    }

    /// <summary>Cancelled by the first signal that comes before there is a command.</summary>
    public CancellationToken Stopping => _stopping.Token;

    /// <summary>The signal that came before there was a command, or zero.</summary>
    public int Received
    {
        get
        {
            lock (_gate)
                return _received;
        }
    }

    /// <summary>From now on the signals go to a command.</summary>
    /// <param name="command">The command.</param>
    /// <param name="onContinued">Called first when this process goes on after a stop.</param>
    public void PassTo(RunningCommand command, Action onContinued)
    {
        int missed;
        lock (_gate)
        {
            _command = command;
            _onContinued = onContinued;
            missed = _received;
        }

        // It came after the last look and before the command was known here.
        if (missed != 0)
            command.Forward(missed);
        if (OperatingSystem.IsWindows())
            return;
        Register(PosixSignal.SIGCONT);
        Register(PosixSignal.SIGWINCH);
        Register(PosixSignal.SIGTSTP);
    }

    /// <summary>The command has ended: signals have nobody to go to any more.</summary>
    public void Detach()
    {
        lock (_gate)
            _command = null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations)
            registration.Dispose();
        _stopping.Dispose();
    }

    private void Register(PosixSignal signal)
    {
        // What nohup or a shell's background job wants ignored stays ignored, here and in the command.
        if (OperatingSystem.IsWindows() || !Signals.IsIgnored(Signals.NumberOf(signal)))
            _registrations.Add(PosixSignalRegistration.Create(signal, OnSignal));
    }

    private void OnSignal(PosixSignalContext context)
    {
        context.Cancel = true;
        int number = Signals.NumberOf(context.Signal);
        RunningCommand? command;
        lock (_gate)
        {
            command = _command;
            if (command is null && _received == 0)
                _received = number;
        }

        if (command is null)
        {
            _stopping.Cancel();
            return;
        }

        if (number == Signals.Continue)
        {
            _onContinued?.Invoke();
            command.Continue();
            return;
        }

        command.Forward(number);
    }
}
