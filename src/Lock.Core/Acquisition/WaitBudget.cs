namespace Locking;

/// <summary>How long one call may still wait: by time, by the number of attempts, or for ever.</summary>
internal readonly struct WaitBudget(EffectiveOptions options, TimeProvider time)
{
    private readonly long _start = time.GetTimestamp();

    /// <summary>The options of the call.</summary>
    public EffectiveOptions Options => options;

    /// <summary>When the call began.</summary>
    public long Start => _start;

    public TimeSpan Elapsed => time.GetElapsedTime(_start);

    /// <summary>What had been spent at a moment of the monotonic clock.</summary>
    public TimeSpan ElapsedAt(long timestamp) => time.GetElapsedTime(_start, timestamp);

    /// <summary>What is left of <see cref="EffectiveOptions.WaitTimeout"/>; zero when over.</summary>
    public TimeSpan TimeLeft => Left(options.WaitTimeout);

    /// <summary>What is left for a caller that waits in a queue and makes no attempts of its own: the retries count with their
    /// spacing.</summary>
    public TimeSpan QueueTimeLeft => Left(options.QueueTimeout);

    /// <summary>The number of the attempt that the time spent so far amounts to, from 1.</summary>
    public int AttemptByTime => options.AttemptsWithin(Elapsed);

    /// <summary>A pause, or what is left where that is less.</summary>
    public static TimeSpan Within(TimeSpan pause, TimeSpan left) => left != Timeout.InfiniteTimeSpan && left < pause ? left : pause;

    /// <summary>The pause before the next attempt with jitter: uniform in ± jitter, never below zero.</summary>
    public static TimeSpan Jitter(TimeSpan pause, TimeSpan jitter)
    {
        TimeSpan jittered = pause + (jitter * ((Random.Shared.NextDouble() * 2) - 1));
        return jittered > TimeSpan.Zero ? jittered : TimeSpan.Zero;
    }

    private TimeSpan Left(TimeSpan limit)
    {
        if (limit == Timeout.InfiniteTimeSpan)
            return limit;
        TimeSpan left = limit - Elapsed;
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }
}
