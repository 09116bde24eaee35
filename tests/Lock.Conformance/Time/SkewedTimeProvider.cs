namespace Locking.Conformance;

/// <summary>The clock of a machine that is set wrong, and was started at another time; it runs at the right rate.</summary>
/// <param name="inner">The right clock.</param>
/// <param name="skew">How far this one is ahead; negative when it is behind.</param>
public sealed class SkewedTimeProvider(TimeProvider inner, TimeSpan skew) : TimeProvider
{
    /// <inheritdoc/>
    public override long TimestampFrequency => inner.TimestampFrequency;

    /// <inheritdoc/>
    public override TimeZoneInfo LocalTimeZone => inner.LocalTimeZone;

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow() => inner.GetUtcNow() + skew;

    /// <inheritdoc/>
    public override long GetTimestamp() => inner.GetTimestamp() + (long)(skew.TotalSeconds * TimestampFrequency);

    /// <inheritdoc/>
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        inner.CreateTimer(callback, state, dueTime, period);
}
