namespace Locking;

/// <summary>The moment at which a step is given up; the default never comes.</summary>
/// <param name="Alarms">Who rings then.</param>
/// <param name="EndsAt">The moment, by the monotonic clock.</param>
internal readonly record struct StepLimit(AlarmClock? Alarms, long EndsAt)
{
    public bool IsOver => Alarms is not null && Alarms.Time.GetTimestamp() >= EndsAt;

    /// <summary>A limit that begins now.</summary>
    public static StepLimit In(AlarmClock alarms, TimeSpan limit) =>
        new(alarms, alarms.Clock.TimestampIn(limit));

    /// <summary>What is left of it, of so long a time.</summary>
    public TimeSpan Within(TimeSpan span)
    {
        if (Alarms is null)
            return span;
        TimeSpan left = Alarms.Time.GetElapsedTime(Alarms.Time.GetTimestamp(), EndsAt);
        return left < TimeSpan.Zero ? TimeSpan.Zero : left < span ? left : span;
    }
}
