namespace Locking;

/// <summary>One call that wants a lock, as the rest of the engine sees it.</summary>
internal abstract class WaitingCall : ListItem, ISelfWait
{
    /// <summary>Has ended: a disposal that found the call in the list may ask for its end when that is past.</summary>
    private static readonly TaskCompletionSource s_alreadyLeft = Ended();

    private TaskCompletionSource? _left;

    public abstract string Key { get; }

    public abstract TimeSpan Waited { get; }

    public abstract bool IsTold { get; set; }

    /// <summary>The backend has taken away what it had granted to this id, or is about to: the grant must not be believed.</summary>
    /// <param name="holderId">Whose; null for everybody's.</param>
    public abstract void OnStoreLoss(string? holderId);

    /// <summary>Completes when the call is over and has left nothing to learn.</summary>
    public Task WhenLeft()
    {
        TaskCompletionSource left = new(TaskCreationOptions.RunContinuationsAsynchronously);
        return (Interlocked.CompareExchange(ref _left, left, null) ?? left).Task;
    }

    protected void HasLeft() => Interlocked.CompareExchange(ref _left, s_alreadyLeft, null)?.TrySetResult();

    private static TaskCompletionSource Ended()
    {
        TaskCompletionSource ended = new();
        ended.SetResult();
        return ended;
    }
}
