namespace Locking;

/// <summary>Counts the releases of one engine that are under way, so that its disposal can wait for them.</summary>
internal sealed class ReleasesUnderWay
{
    private readonly TaskCompletionSource _none = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>One more than there are, until somebody waits.</summary>
    private int _count = 1;
    private int _isAwaited;

    public void Begin() => Interlocked.Increment(ref _count);

    public void End()
    {
        if (Interlocked.Decrement(ref _count) == 0)
            _none.TrySetResult();
    }

    /// <summary>Completes when none is under way. What begins after that is not waited for.</summary>
    public Task WhenNone()
    {
        if (Interlocked.Exchange(ref _isAwaited, 1) == 0)
            End();
        return _none.Task;
    }
}
