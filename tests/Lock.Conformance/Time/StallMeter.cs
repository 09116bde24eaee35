namespace Locking.Conformance;

/// <summary>Measures how long this process was kept from running, by a loop that should turn every few milliseconds.</summary>
internal sealed class StallMeter : IAsyncDisposable
{
    private static readonly TimeSpan s_beat = TimeSpan.FromMilliseconds(10);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _loop;
    private long _longest;
    private long _lastBeat = TimeProvider.System.GetTimestamp();

    public StallMeter() => _loop = Task.Run(RunAsync);

    /// <summary>The longest pause so far, the one that may be going on now included.</summary>
    public TimeSpan Longest =>
        TimeSpan.FromTicks(
            Math.Max(Volatile.Read(ref _longest), TimeProvider.System.GetElapsedTime(Volatile.Read(ref _lastBeat)).Ticks)) - s_beat;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _loop.ConfigureAwait(false);
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            await Task.Delay(s_beat, TimeProvider.System, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            long gap = TimeProvider.System.GetElapsedTime(_lastBeat).Ticks;
            Volatile.Write(ref _longest, Math.Max(_longest, gap));
            Volatile.Write(ref _lastBeat, TimeProvider.System.GetTimestamp());
        }
    }
}
