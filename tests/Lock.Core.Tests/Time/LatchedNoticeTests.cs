using Locking.Conformance;
using Locking.Providers;

namespace Locking.Core.Tests;

/// <summary>What the watch of a store waits by.</summary>
public sealed class LatchedNoticeTests
{
    private static readonly TimeSpan s_minute = TimeSpan.FromMinutes(1);
    private readonly TestClock _time = new();
    private readonly LatchedNotice _notice;

    public LatchedNoticeTests() => _notice = new LatchedNotice(_time);

    [Fact]
    public async Task A_notice_that_came_before_answers_at_once_and_once()
    {
        _notice.Give();
        _notice.Give();
        Assert.True(await _notice.WaitAsync(Timeout.InfiniteTimeSpan, default));
        Assert.False(await _notice.WaitAsync(TimeSpan.Zero, default));
    }

    [Fact]
    public async Task A_notice_ends_a_wait()
    {
        Task<bool> waiting = _notice.WaitAsync(Timeout.InfiniteTimeSpan, default).AsTask();
        Assert.False(waiting.IsCompleted);
        _notice.Give();
        Assert.True(await Eventually.DoneAsync(waiting, "told"));
    }

    [Fact]
    public async Task The_time_ends_a_wait_and_the_next_notice_is_for_the_next_one()
    {
        Task<bool> waiting = _notice.WaitAsync(s_minute, default).AsTask();
        _time.Advance(s_minute);
        Assert.False(await Eventually.DoneAsync(waiting, "the time is up"));
        _notice.Give();
        Assert.True(await _notice.WaitAsync(s_minute, default));
    }

    [Fact]
    public async Task A_wait_that_is_cancelled_leaves_the_notice_to_the_next_one()
    {
        using var cancel = new CancellationTokenSource();
        Task<bool> waiting = _notice.WaitAsync(s_minute, cancel.Token).AsTask();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        _notice.Give();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _notice.WaitAsync(s_minute, cancel.Token).AsTask());
        Assert.True(await _notice.WaitAsync(s_minute, default));
    }
}
