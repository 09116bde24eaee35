using System.Threading.Tasks.Sources;

namespace Locking;

/// <summary>One caller's place in the line for a key.</summary>
/// <remarks>
/// Ends in one of three ways, and whoever takes it out of the line under the gate of <see cref="KeyTurns"/> decides which: its turn has
/// come, its time is up, or it was cancelled. The caller goes on over the pool, whoever ended its wait.
/// </remarks>
internal sealed class TurnWait(KeyTurns turns, string key, StepLimit limit, CancellationToken cancellationToken)
    : ListItem, IValueTaskSource<bool>
{
    /// <summary>Whether it stands in the line; guarded by the gate of <see cref="KeyTurns"/>, as is the next.</summary>
    internal bool IsWaiting;

    private End? _end;

    private ManualResetValueTaskSourceCore<bool> _source = new() { RunContinuationsAsynchronously = true };
    private CancellationTokenRegistration _cancellation;

    public string Key => key;

    /// <summary>Begins to listen to time and to the token. Called once, when it stands in the line.</summary>
    /// <returns>The task, to be awaited once: false when the time is up.</returns>
    public ValueTask<bool> StartAsync()
    {
        limit.Alarms?.Set(_end = new End(this), limit.EndsAt);
        if (cancellationToken.CanBeCanceled)
            _cancellation = cancellationToken.UnsafeRegister(static wait => ((TurnWait)wait!).OnCancelled(), this);
        return new ValueTask<bool>(this, _source.Version);
    }

    /// <summary>The turn has come. Called by whoever took it out of the line, without the gate.</summary>
    public void OnTurn() => _source.SetResult(true);

    /// <summary>The time is up, or the machine was suspended and every alarm is asked to look.</summary>
    private void OnTime()
    {
        if (!limit.IsOver)
            limit.Alarms!.Set(_end!, limit.EndsAt);
        else if (turns.Withdraw(this))
            _source.SetResult(false);
    }

    bool IValueTaskSource<bool>.GetResult(short token)
    {
        // Everything that may end the wait was set up before the task was given out, so nothing is missed here.
        if (_end is not null)
            limit.Alarms!.Cancel(_end);
        _cancellation.Unregister();
        return _source.GetResult(token);
    }

    ValueTaskSourceStatus IValueTaskSource<bool>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<bool>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);

    private void OnCancelled()
    {
        if (turns.Withdraw(this))
            _source.SetException(new OperationCanceledException(cancellationToken));
    }

    /// <summary>The end of its time, for a wait that has one.</summary>
    private sealed class End(TurnWait wait) : Alarm
    {
        internal override void Ring() => wait.OnTime();
    }
}
