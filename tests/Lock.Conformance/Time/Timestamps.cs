namespace Locking.Conformance;

internal static class Timestamps
{
    /// <summary>The time since the clock's zero, exact however long ago that was.</summary>
    /// <remarks><see cref="TimeProvider.GetElapsedTime(long)"/> counts in doubles, which are too coarse for a clock whose zero is two
    /// thousand years ago, as that of <see cref="Microsoft.Extensions.Time.Testing.FakeTimeProvider"/>.</remarks>
    public static TimeSpan SinceZero(this TimeProvider clock) =>
        new((long)((Int128)clock.GetTimestamp() * TimeSpan.TicksPerSecond / clock.TimestampFrequency));
}
