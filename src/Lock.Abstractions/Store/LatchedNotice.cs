namespace Locking.Providers;

/// <summary>A notice that is kept until its waiter takes it: what a watch is made of (<see cref="IReleaseWatch"/>). One that came since the
/// last call answers at once.</summary>
/// <param name="time">The clock of the locks (<see cref="LockProviderContext.TimeProvider"/>).</param>
public sealed class LatchedNotice(TimeProvider time)
{
    private readonly Lock _gate = new();
    private TaskCompletionSource? _waiter;
    private bool _latched;

    /// <summary>The notice has come, or may have been missed. Runs nothing of the waiter's.</summary>
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
    /// <param name="atMost">Zero or more, or <see cref="Timeout.InfiniteTimeSpan"/>. Whoever waits longer than a timer can run is told that
    /// the time is up, and asks again.</param>
    /// <param name="cancellationToken">Ends the wait; a notice stays for the next call.</param>
    /// <returns>Whether it came.</returns>
    /// <exception cref="OperationCanceledException">The wait was ended.</exception>
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
