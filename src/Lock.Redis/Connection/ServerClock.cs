namespace Locking;

/// <summary>What a connection knows of its server's clock: the floor below which a token counter is not believed.</summary>
/// <remarks>
/// <para>A counter that came back from an old file, or from a replica that lagged, is not missing but low. Whoever draws a token says how
/// low it may be at the most: <see cref="Slack"/> behind the clock, as this process reckons it from a token that the server has taken from
/// its clock within the last <see cref="Memory"/>. Reckoned from the moment of that request's sending, it is never too early.</para>
/// <para>Where nothing is known (at first, after any interruption of the connection, after <see cref="Memory"/>) the floor is
/// <see cref="Unknown"/>, above every counter: the server then looks at its clock. docs/decisions/0150 has the argument.</para>
/// </remarks>
internal sealed class ServerClock(TimeProvider time)
{
    /// <summary>Above every token: the server looks at its clock.</summary>
    public const long Unknown = 1L << 53;

    /// <summary>How far a counter may be behind the clock.</summary>
    public static readonly TimeSpan Slack = TimeSpan.FromMilliseconds(50);

    /// <summary>How long a reading counts.</summary>
    public static readonly TimeSpan Memory = TimeSpan.FromSeconds(1);

    private Reading? _reading;
    private long _voidedAt = long.MinValue;

    /// <summary>The floor for a request that is sent now.</summary>
    public long FloorAt(long now)
    {
        if (Volatile.Read(ref _reading) is not { } reading)
            return Unknown;
        TimeSpan since = time.GetElapsedTime(reading.SentAt, now);
        return since > Memory ? Unknown : reading.Token + ((since - Slack).Ticks / TimeSpan.TicksPerMicrosecond);
    }

    /// <summary>A token was given by the server's clock, or above it.</summary>
    /// <param name="token">The token.</param>
    /// <param name="sentAt">When the request was sent. One that was sent before the last interruption tells nothing.</param>
    public void Learn(long token, long sentAt)
    {
        var reading = new Reading(token, sentAt);
        if (sentAt <= Interlocked.Read(ref _voidedAt))
            return;
        Volatile.Write(ref _reading, reading);
        // Interrupted in between.
        if (sentAt <= Interlocked.Read(ref _voidedAt))
            Interlocked.CompareExchange(ref _reading, null, reading);
    }

    /// <summary>The connection was interrupted: behind it may be another server, or another life of the same.</summary>
    public void Void()
    {
        Interlocked.Exchange(ref _voidedAt, time.GetTimestamp());
        Volatile.Write(ref _reading, null);
    }

    private sealed record Reading(long Token, long SentAt);
}
