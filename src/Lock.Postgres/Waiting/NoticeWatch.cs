using System.Threading.Channels;

namespace Locking;

/// <summary>One waiter's ear at one key. Notices are latched; where none can be heard it says every so often that it is time to
/// ask.</summary>
internal sealed class NoticeWatch(PostgresNotices notices, string key, TimeProvider time) : IReleaseWatch
{
    private static readonly TimeSpan s_deafPause = TimeSpan.FromMilliseconds(200);

    private readonly Channel<bool> _latch =
        Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    public string Key => key;

    public void Notify() => _latch.Writer.TryWrite(true);

    public async ValueTask<bool> WaitAsync(TimeSpan atMost, CancellationToken cancellationToken)
    {
        long since = time.GetTimestamp();
        while (true)
        {
            notices.Resume();
            await notices.MarkAsync(key, cancellationToken).ConfigureAwait(false);
            TimeSpan left = atMost == Timeout.InfiniteTimeSpan ? TimeSpan.MaxValue : atMost - time.GetElapsedTime(since);
            TimeSpan pause = notices.AreHeard ? PostgresNotices.MarkFor / 2 : s_deafPause;
            if (await HearAsync(left < pause ? left : pause, cancellationToken).ConfigureAwait(false))
                return true;
            if (left <= pause || !notices.AreHeard)
                return left > pause;
        }
    }

    public ValueTask DisposeAsync()
    {
        notices.Remove(this);
        return ValueTask.CompletedTask;
    }

    private async ValueTask<bool> HearAsync(TimeSpan atMost, CancellationToken cancellationToken)
    {
        try
        {
            await _latch.Reader.WaitToReadAsync(CancellationToken.None).AsTask()
                .WaitAsync(atMost > TimeSpan.Zero ? atMost : TimeSpan.Zero, time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // A notice that came with the last moment still counts.
        }

        return _latch.Reader.TryRead(out _);
    }
}
