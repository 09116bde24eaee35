namespace Locking;

/// <summary>One waiter's ear at one key. Notices are latched; where none can be heard it says every so often that it is time to
/// ask.</summary>
internal sealed class NoticeWatch(PostgresNotices notices, string key, TimeProvider time) : IReleaseWatch
{
    private static readonly TimeSpan s_deafPause = TimeSpan.FromMilliseconds(200);

    private readonly LatchedNotice _notice = new(time);

    public string Key => key;

    public void Notify() => _notice.Give();

    public async ValueTask<bool> WaitAsync(TimeSpan atMost, CancellationToken cancellationToken)
    {
        long since = time.GetTimestamp();
        while (true)
        {
            notices.Resume();
            await notices.MarkAsync(key, cancellationToken).ConfigureAwait(false);
            TimeSpan left = atMost == Timeout.InfiniteTimeSpan ? TimeSpan.MaxValue : atMost - time.GetElapsedTime(since);
            TimeSpan pause = notices.AreHeard ? PostgresNotices.MarkFor / 2 : s_deafPause;
            TimeSpan next = left < pause ? left : pause;
            if (await _notice.WaitAsync(next > TimeSpan.Zero ? next : TimeSpan.Zero, cancellationToken).ConfigureAwait(false))
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
}
