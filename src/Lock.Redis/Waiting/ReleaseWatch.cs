namespace Locking;

/// <summary>One waiter's watch over one record. Notices are latched.</summary>
internal sealed class ReleaseWatch(string record, Action<ReleaseWatch> remove, TimeProvider time) : IReleaseWatch
{
    private readonly Lock _gate = new();
    private TaskCompletionSource? _waiter;
    private bool _noticed;

    /// <summary>The record.</summary>
    public string Record { get; } = record;

    /// <summary>The id that its waiter asks with, until it is granted the lock. Guarded by <see cref="ReleaseWatches"/>.</summary>
    public string? Asking { get; set; }

    /// <summary>Whether that id lost another watch, and this one may be somebody else's. Guarded by <see cref="ReleaseWatches"/>.</summary>
    public bool IsInherited { get; set; }

    /// <summary>Whether its waiter has been granted the lock. Guarded by <see cref="ReleaseWatches"/>.</summary>
    public bool IsServed { get; set; }

    /// <summary>A notice has come, or may have been missed.</summary>
    public void Notify()
    {
        TaskCompletionSource? waiter;
        lock (_gate)
        {
            _noticed = true;
            waiter = _waiter;
            _waiter = null;
        }

        waiter?.TrySetResult();
    }

    public async ValueTask<bool> WaitAsync(TimeSpan atMost, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Task notice;
        lock (_gate)
        {
            if (ConsumeUnsynchronized())
                return true;
            notice = (_waiter ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }

        try
        {
            // Whoever waits longer than a timer can run is told that the time is up, and asks again.
            await notice.WaitAsync(TimerSpan.For(atMost), time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // A notice that came with the last moment still counts.
        }

        lock (_gate)
            return ConsumeUnsynchronized();
    }

    public ValueTask DisposeAsync()
    {
        remove(this);
        return ValueTask.CompletedTask;
    }

    /// <summary>Takes the latched notice.</summary>
    private bool ConsumeUnsynchronized()
    {
        bool noticed = _noticed;
        _noticed = false;
        return noticed;
    }
}
