namespace Locking;

/// <summary>One waiter's ear at one record. Notices are latched.</summary>
internal sealed class ReleaseWatch(ReleaseChannel channel, string record, TimeProvider time) : IReleaseWatch
{
    /// <summary>The longest a timer can run; whoever waits longer is told that the time is up and asks again.</summary>
    private static readonly TimeSpan s_longest = TimeSpan.FromDays(40);

    private readonly Lock _gate = new();
    private TaskCompletionSource? _waiter;
    private bool _noticed;

    public string Record { get; } = record;

    /// <summary>The id that its waiter asks with, until it is granted the lock. Guarded by the channel.</summary>
    public string? Asking { get; set; }

    /// <summary>Whether that id lost another watch, and this one may be somebody else's. Guarded by the channel.</summary>
    public bool IsInherited { get; set; }

    /// <summary>Whether its waiter has been granted the lock. Guarded by the channel.</summary>
    public bool IsServed { get; set; }

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
            var limit = atMost != Timeout.InfiniteTimeSpan && atMost > s_longest ? s_longest : atMost;
            await notice.WaitAsync(limit, time, cancellationToken).ConfigureAwait(false);
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
        channel.Remove(this);
        return ValueTask.CompletedTask;
    }

    /// <summary>Takes the latched notice.</summary>
    private bool ConsumeUnsynchronized()
    {
        var noticed = _noticed;
        _noticed = false;
        return noticed;
    }
}
