using System.Diagnostics.CodeAnalysis;

namespace Locking;

/// <summary>The release of a lease, however often it is asked for: everybody is told the outcome of the first. Under the lease's
/// gate.</summary>
internal struct FirstRelease
{
    private static readonly object s_begins = new();

    /// <summary>Null before; <see cref="s_begins"/> while the first one asks; a source once others wait for that; then the task.</summary>
    private object? _state;

    /// <summary>Asks for it.</summary>
    /// <param name="released">What the others await; nothing for the first.</param>
    /// <returns>Whether this is the first, who has to release and to say so (<see cref="Begun"/>).</returns>
    public bool IsFirst([NotNullWhen(false)] out Task<UnlockOutcome>? released)
    {
        switch (_state)
        {
            case null:
                _state = s_begins;
                released = null;
                return true;
            case Task<UnlockOutcome> task:
                released = task;
                return false;
            case TaskCompletionSource<Task<UnlockOutcome>> begins:
                released = begins.Task.Unwrap();
                return false;
            default:
                TaskCompletionSource<Task<UnlockOutcome>> others = new(TaskCreationOptions.RunContinuationsAsynchronously);
                _state = others;
                released = others.Task.Unwrap();
                return false;
        }
    }

    /// <summary>The request is sent. It was sent without the gate; whoever asked a second time meanwhile waits for the task of the
    /// first.</summary>
    /// <returns>Whom to give the task, without the gate; null when nobody waits.</returns>
    public TaskCompletionSource<Task<UnlockOutcome>>? Begun(Task<UnlockOutcome> task)
    {
        var others = _state as TaskCompletionSource<Task<UnlockOutcome>>;
        _state = task;
        return others;
    }
}
