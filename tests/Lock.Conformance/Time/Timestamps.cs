namespace Locking.Conformance;

internal static class Timestamps
{
    /// <summary>The time since the clock's zero, exact however long ago that was. <see cref="TimeProvider.GetElapsedTime(long)"/> counts in doubles, which
    /// are too coarse for a <see cref="Microsoft.Extensions.Time.Testing.FakeTimeProvider"/>, whose zero is two thousand years ago.</summary>
    public static TimeSpan SinceZero(this TimeProvider clock) =>
        new((long)((Int128)clock.GetTimestamp() * TimeSpan.TicksPerSecond / clock.TimestampFrequency));
}
