namespace Locking;

/// <summary>A watch where no notice comes: it says every so often that it is time to ask.</summary>
internal sealed class PollingWatch(TimeSpan pause, TimeProvider time) : IReleaseWatch
{
    /// <summary>How often to ask where nothing is configured.</summary>
    public static readonly TimeSpan DefaultPause = TimeSpan.FromMilliseconds(200);

    public async ValueTask<bool> WaitAsync(TimeSpan atMost, CancellationToken cancellationToken)
    {
        bool isNotice = atMost == Timeout.InfiniteTimeSpan || atMost > pause;
        TimeSpan wait = isNotice ? pause : atMost;
        await Task.Delay(
            wait > TimeSpan.FromMilliseconds(1) ? wait : TimeSpan.FromMilliseconds(1), time, cancellationToken).ConfigureAwait(false);
        return isNotice;
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
