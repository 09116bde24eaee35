namespace Locking;

/// <summary>One waiter's watch over one record. Notices are latched.</summary>
internal sealed class ReleaseWatch(string record, Action<ReleaseWatch> remove, TimeProvider time) : IReleaseWatch
{
    private readonly LatchedNotice _notice = new(time);

    /// <summary>The record.</summary>
    public string Record { get; } = record;

    /// <summary>The id that its waiter asks with, until it is granted the lock. Guarded by <see cref="ReleaseWatches"/>.</summary>
    public string? Asking { get; set; }

    /// <summary>Whether that id lost another watch, and this one may be somebody else's. Guarded by <see cref="ReleaseWatches"/>.</summary>
    public bool IsInherited { get; set; }

    /// <summary>Whether its waiter has been granted the lock. Guarded by <see cref="ReleaseWatches"/>.</summary>
    public bool IsServed { get; set; }

    /// <summary>A notice has come, or may have been missed.</summary>
    public void Notify() => _notice.Give();

    public ValueTask<bool> WaitAsync(TimeSpan atMost, CancellationToken cancellationToken) => _notice.WaitAsync(atMost, cancellationToken);

    public ValueTask DisposeAsync()
    {
        remove(this);
        return ValueTask.CompletedTask;
    }
}
