using Microsoft.Extensions.Time.Testing;

namespace Locking.Conformance.Tests.Time;

public sealed class CoarseTimeProviderTests
{
    private static readonly TimeSpan s_tick = TimeSpan.FromMilliseconds(10);

    [Theory]
    [InlineData(0, 25, 30)]
    [InlineData(7, 25, 23)] // early
    [InlineData(7, 20, 13)]
    [InlineData(0, 20, 20)]
    [InlineData(9, 1, 1)]
    public void A_timer_rings_at_the_beginning_of_a_tick(int setAt, int due, int ringsAfter)
    {
        var time = new FakeTimeProvider();
        time.Advance(TimeSpan.FromMilliseconds(setAt)); // it starts at the beginning of a tick
        var coarse = new CoarseTimeProvider(time, s_tick);
        long since = coarse.GetTimestamp();
        TimeSpan? rang = null;
        using ITimer timer =
            coarse.CreateTimer(_ => rang = coarse.GetElapsedTime(since), null, TimeSpan.FromMilliseconds(due), Timeout.InfiniteTimeSpan);
        for (int i = 0; i < ringsAfter + 10; i++)
            time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(TimeSpan.FromMilliseconds(ringsAfter), rang);
        Assert.Equal(time.GetUtcNow(), coarse.GetUtcNow());
    }

    [Fact]
    public async Task A_timer_that_is_due_at_once_or_never_stays_so()
    {
        var time = new FakeTimeProvider();
        var coarse = new CoarseTimeProvider(time, s_tick);
        int rang = 0;
        await using ITimer timer =
            coarse.CreateTimer(_ => Interlocked.Increment(ref rang), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        time.Advance(TimeSpan.FromDays(1));
        Assert.Equal(0, rang);
        timer.Change(TimeSpan.Zero, Timeout.InfiniteTimeSpan);
        await Eventually.TrueAsync(() => Volatile.Read(ref rang) == 1, "the timer rings");
    }
}
