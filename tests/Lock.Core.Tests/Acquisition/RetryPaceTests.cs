using Locking.Conformance;
using Microsoft.Extensions.Time.Testing;

namespace Locking.Core.Tests;

/// <summary>retryDelay, retryJitter, pollInterval and wait: how long a contender pauses.</summary>
public sealed class RetryPaceTests : EngineTest
{
    private static readonly LockOptions s_exact = new() { RetryJitter = TimeSpan.Zero };
    private static readonly AcquireReply s_busy = AcquireReply.Busy(null);

    [Fact]
    public void The_jitter_is_uniform_in_both_directions()
    {
        List<TimeSpan> spans = Pauses(new LockOptions { RetryCount = 1, RetryDelay = Seconds(0.2), RetryJitter = Seconds(0.1) });
        Assert.All(spans, static span => Assert.InRange(span, Seconds(0.1), Seconds(0.3)));

        // Of 4,000 draws a tenth of the range gets 400 on average; that any of the ten gets less than 250 does not happen.
        IEnumerable<int> tenths = spans.GroupBy(static span => Math.Min(9, (int)((span - Seconds(0.1)) / Seconds(0.02))))
            .Select(static tenth => tenth.Count());
        Assert.Equal(10, tenths.Count());
        Assert.All(tenths, static count => Assert.InRange(count, 250, 550));
    }

    [Fact]
    public void A_jitter_above_the_delay_makes_no_pause_negative()
    {
        List<TimeSpan> spans = Pauses(new LockOptions { RetryCount = 1, RetryDelay = Seconds(0.1), RetryJitter = Seconds(1) });
        Assert.All(spans, static span => Assert.InRange(span, TimeSpan.FromMilliseconds(1), Seconds(1.1)));
        Assert.Contains(spans, static span => span > Seconds(1));
    }

    [Fact]
    public void Attempts_are_spaced_from_one_to_the_next()
    {
        RetryPace pace = Pace(s_exact with { RetryCount = 5, RetryDelay = Seconds(3) }, Time);
        Assert.Equal(Seconds(3), pace.Next(s_busy, isWatching: true, out _));
        Time.Advance(Seconds(2)); // a notice, in vain
        Assert.Equal(Seconds(1), pace.Next(s_busy, isWatching: true, out bool endsAttempt));
        Assert.True(endsAttempt);
        pace.AttemptEnded();
        Assert.Equal(Seconds(3), pace.Next(s_busy, isWatching: true, out _));
    }

    [Fact]
    public void Where_a_release_is_told_the_poll_interval_is_the_safety_net()
    {
        RetryPace pace = Pace(s_exact with { RetryDelay = Seconds(0.1), PollInterval = Seconds(7) });
        Assert.Equal(Seconds(7), pace.Next(s_busy, isWatching: true, out _));
        Assert.Equal(Seconds(7), pace.Next(AcquireReply.Busy(Seconds(60)), isWatching: true, out _));
    }

    [Fact]
    public void No_pause_is_longer_than_what_the_holder_has_left()
    {
        var left = AcquireReply.Busy(Seconds(2));
        Assert.InRange(Pace(s_exact with { PollInterval = Seconds(7) }).Next(left, isWatching: true, out _), Seconds(2), Seconds(2.01));
        Assert.InRange(Pace(s_exact with { RetryDelay = Seconds(7) }).Next(left, isWatching: false, out _), Seconds(0), Seconds(2.01));

        // A look at the end of the lease is no attempt of those that are counted.
        Assert.InRange(Pace(s_exact with { RetryCount = 2, RetryDelay = Seconds(7) }).Next(left, isWatching: true, out bool endsAttempt),
            Seconds(2), Seconds(2.01));
        Assert.False(endsAttempt);
    }

    [Fact]
    public void Behind_a_stranger_who_tells_nothing_and_without_notices_the_retry_delay_counts()
    {
        foreach ((AcquireReply busy, bool isWatching) in new[] { (AcquireReply.Busy(null, isStranger: true), true), (s_busy, false) })
        {
            RetryPace pace = Pace(s_exact with { RetryDelay = Seconds(0.8), PollInterval = Seconds(60) });
            var pauses = Enumerable.Range(0, 6).Select(_ => pace.Next(busy, isWatching, out bool _)).ToList();
            Assert.Equal(pauses.Order(), pauses); // short ones first, for short critical sections
            Assert.Equal(Seconds(0.8), pauses[^1]);
        }
    }

    [Fact]
    public void What_a_store_knows_of_its_line_counts_in_place_of_the_retry_delay()
    {
        AcquireReply busy = AcquireReply.Busy(Seconds(60), askAgainIn: Seconds(0.003));
        RetryPace pace = Pace(new LockOptions { RetryDelay = Seconds(5), RetryJitter = Seconds(5) });
        Assert.Equal(Seconds(0.003), pace.Next(busy, isWatching: false, out bool endsAttempt));
        Assert.True(endsAttempt);
        Assert.InRange(pace.Next(AcquireReply.Busy(Seconds(1), askAgainIn: Seconds(2)), isWatching: false, out _), Seconds(1),
            Seconds(1.01));
    }

    [Fact]
    public void What_a_store_knows_of_its_line_costs_none_of_the_attempts_that_are_counted()
    {
        AcquireReply busy = AcquireReply.Busy(Seconds(60), askAgainIn: Seconds(0.5));
        RetryPace pace = Pace(s_exact with { RetryCount = 2, RetryDelay = Seconds(1.2) }, Time);
        Assert.Equal(Seconds(0.5), pace.Next(busy, isWatching: false, out bool endsAttempt));
        Assert.False(endsAttempt);
        Time.Advance(Seconds(0.5));
        Assert.Equal(Seconds(0.5), pace.Next(busy, isWatching: false, out _));
        Time.Advance(Seconds(0.5));
        Assert.Equal(Seconds(0.2), pace.Next(busy, isWatching: false, out endsAttempt));
        Assert.True(endsAttempt);
    }

    [Theory]
    [InlineData(WaitMode.Auto, true)]
    [InlineData(WaitMode.Notify, true)]
    [InlineData(WaitMode.Poll, false)]
    public async Task Wait_says_whether_notices_are_listened_to(WaitMode wait, bool listens)
    {
        int watches = 0;
        var store = new WatchedStore(Store, _ =>
        {
            Interlocked.Increment(ref watches);
            return ValueTask.FromResult<IReleaseWatch>(new ScriptedWatch { OnWait = WaitInVainAsync });
        });
        await using var locks = new StoreLock(store, s_exact with { Wait = wait }, context: new LockProviderContext(Time, Logs));
        Store.HoldElsewhere("k", Seconds(600));
        Task<ILockHandle> call = locks.LockAsync("k", new LockOptions { WaitTimeout = Seconds(3) }).AsTask();
        await Time.AdvanceUntilAsync(() => call.IsCompleted, TimeSpan.FromMilliseconds(50), Seconds(10), "the wait is over");
        await Assert.ThrowsAsync<LockTimeoutException>(() => call);
        Assert.Equal(listens, watches > 0);
        Assert.True(listens ? Store.Acquires <= 4 : Store.Acquires >= 10, $"{Store.Acquires} requests");

        async ValueTask<bool> WaitInVainAsync(TimeSpan atMost, CancellationToken cancellationToken)
        {
            await Task.Delay(atMost, Time, cancellationToken);
            return false;
        }
    }

    private static List<TimeSpan> Pauses(LockOptions options) =>
        [.. Enumerable.Range(0, 4000).Select(_ => Pace(options).Next(s_busy, isWatching: false, out bool _))];

    private static RetryPace Pace(LockOptions options, TimeProvider? time = null) =>
        new(EffectiveOptions.Resolve(options, null, isTry: false, "me"), time ?? new FakeTimeProvider());
}
