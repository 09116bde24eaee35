using Locking.Conformance;
using Locking.Providers;

namespace Locking.Core.Tests;

/// <summary>The limit that a store gives its driver.</summary>
public sealed class CallLimitTests
{
    private readonly TestClock _time = new();

    [Fact]
    public async Task The_token_is_cancelled_when_the_time_is_up_and_not_before()
    {
        using var limit = new CallLimit(TimeSpan.FromSeconds(2), _time, default);
        Task cancelled = WhenCancelled(limit);
        _time.Advance(TimeSpan.FromSeconds(1.999));
        Assert.False(limit.Token.IsCancellationRequested);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        await Eventually.DoneAsync(cancelled, "the time is up");
    }

    [Fact]
    public void The_caller_cancels_it_at_once()
    {
        using var caller = new CancellationTokenSource();
        using var limit = new CallLimit(TimeSpan.FromSeconds(2), _time, caller.Token);
        caller.Cancel();
        Assert.True(limit.Token.IsCancellationRequested);
        Assert.Throws<OperationCanceledException>(() => new CallLimit(TimeSpan.FromSeconds(2), _time, caller.Token));
    }

    [Fact]
    public async Task A_call_that_is_over_is_not_cancelled_any_more()
    {
        using var other = new CallLimit(TimeSpan.FromSeconds(5), _time, default);
        Task otherCancelled = WhenCancelled(other);
        var limit = new CallLimit(TimeSpan.FromSeconds(2), _time, default);
        limit.Dispose();
        _time.Advance(TimeSpan.FromSeconds(5));
        await Eventually.DoneAsync(otherCancelled, "a later limit");
        Assert.False(limit.Token.IsCancellationRequested);
    }

    [Fact]
    public void A_limit_of_nothing_is_refused_and_no_limit_is_none()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new CallLimit(TimeSpan.Zero, _time, default));
        using var limit = new CallLimit(Timeout.InfiniteTimeSpan, _time, default);
        _time.Advance(TimeSpan.FromDays(400));
        Assert.False(limit.Token.IsCancellationRequested);
    }

    private static Task WhenCancelled(CallLimit limit)
    {
        var cancelled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        limit.Token.Register(() => cancelled.TrySetResult());
        return cancelled.Task;
    }
}
