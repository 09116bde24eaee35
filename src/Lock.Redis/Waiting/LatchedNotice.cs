namespace Locking;

/// <summary>A notice that is kept until its waiter takes it: one that came since the last call answers at once.</summary>
internal sealed class LatchedNotice(TimeProvider time)
{
    private readonly Lock _gate = new();
    private TaskCompletionSource? _waiter;
    private bool _latched;

    /// <summary>The notice has come, or may have been missed.</summary>
    public void Give()
    {
        TaskCompletionSource? waiter;
        lock (_gate)
        {
            _latched = true;
            waiter = _waiter;
            _waiter = null;
        }

        waiter?.TrySetResult();
    }

    /// <summary>Waits for it, and takes it.</summary>
    /// <param name="atMost">Whoever waits longer than a timer can run is told that the time is up, and asks again.</param>
    /// <param name="cancellationToken">Ends the wait; a notice stays for the next call.</param>
    /// <returns>Whether it came.</returns>
    public async ValueTask<bool> WaitAsync(TimeSpan atMost, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Task notice;
        lock (_gate)
        {
            if (TakeUnsynchronized())
                return true;
            notice = (_waiter ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }

        try
        {
            await notice.WaitAsync(TimerSpan.For(atMost), time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // A notice that came with the last moment still counts.
        }

        lock (_gate)
            return TakeUnsynchronized();
    }

    private bool TakeUnsynchronized()
    {
        bool latched = _latched;
        _latched = false;
        return latched;
    }
}
