namespace Locking.Core.Tests.Time;

public sealed class ClockUnitsTests
{
    [Theory]
    [InlineData(10_000_000, 1, 1)]
    [InlineData(1_000_000_000, 1, 100)]
    [InlineData(1_000_000_000, 9_000_000_000_000_001, 900_000_000_000_000_100)]
    [InlineData(3_000_000, 1, 1)]
    [InlineData(3_000_000, 10_000_000, 3_000_000)]
    [InlineData(1_000, 10_001, 2)]
    public void A_span_is_exact_or_rounded_up(long frequency, long ticks, long units) =>
        Assert.Equal(units, new ClockUnits(new Clock(frequency)).Of(TimeSpan.FromTicks(ticks)));

    [Theory]
    [InlineData(10_000_000)]
    [InlineData(1_000_000_000)]
    public void What_was_converted_comes_back_as_it_was(long frequency)
    {
        ClockUnits units = new(new Clock(frequency));
        foreach (TimeSpan span in (TimeSpan[])[TimeSpan.Zero, TimeSpan.FromTicks(1), TimeSpan.FromSeconds(30), TimeSpan.FromDays(10_000)])
            Assert.Equal(span, units.ToSpan(units.Of(span)));
    }

    [Fact]
    public void Units_that_no_double_holds_are_exact_too() =>
        Assert.Equal(30_023_997_515_803_310, new ClockUnits(new Clock(3_000_000)).ToSpan(9_007_199_254_740_993).Ticks);

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 1)]
    [InlineData(10_000, 1)]
    [InlineData(10_001, 2)]
    public void Whole_milliseconds_are_rounded_up(long ticks, long milliseconds) =>
        Assert.Equal(milliseconds, TimerSpan.WholeMilliseconds(TimeSpan.FromTicks(ticks)));

    [Theory]
    [InlineData(-1)]
    [InlineData(-10_001)]
    [InlineData(-15_000)]
    [InlineData(-600_000_000)]
    public void What_is_over_already_is_no_time_and_never_without_end(long ticks) =>
        Assert.Equal(TimeSpan.Zero, TimerSpan.For(TimeSpan.FromTicks(ticks)));

    [Fact]
    public void Without_end_stays_without_end() => Assert.Equal(Timeout.InfiniteTimeSpan, TimerSpan.For(Timeout.InfiniteTimeSpan));

    private sealed class Clock(long frequency) : TimeProvider
    {
        public override long TimestampFrequency => frequency;
    }
}
