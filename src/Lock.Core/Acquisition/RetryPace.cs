namespace Locking;

/// <summary>How long a contender pauses between two looks at a lock that somebody else holds.</summary>
internal sealed class RetryPace(EffectiveOptions options, TimeProvider time)
{
    private static readonly TimeSpan s_shortestPause = TimeSpan.FromMilliseconds(1);

    private TimeSpan? _attemptPause;
    private long _attemptPauseFrom;
    private Backoff _polls = new(options.RetryDelay / 4, options.RetryDelay);

    /// <summary>The next pause, unless a notice ends it.</summary>
    /// <param name="busy">The last answer.</param>
    /// <param name="isWatching">Whether a release would be told.</param>
    /// <param name="endsAttempt">Whether the look after this pause is a new attempt.</param>
    public TimeSpan Next(AcquireReply busy, bool isWatching, out bool endsAttempt)
    {
        TimeSpan pause = options.RetryCount is not null ? ToNextAttempt() : ToNextPoll(busy, isWatching);

        // What the store knows of the line costs none of the attempts that are counted, and neither does a look at the end of the lease.
        endsAttempt = true;
        if (busy.AskAgainIn is { } sooner && sooner < pause)
        {
            pause = sooner;
            endsAttempt = false;
        }

        if (busy.HolderRemaining is { } remaining && remaining != Timeout.InfiniteTimeSpan && remaining + s_shortestPause < pause)
        {
            pause = remaining + s_shortestPause;
            endsAttempt = options.RetryCount is null;
        }

        return pause > s_shortestPause ? pause : options.RetryDelay == TimeSpan.Zero ? TimeSpan.Zero : s_shortestPause;
    }

    /// <summary>A new attempt begins: the next pause is counted afresh.</summary>
    public void AttemptEnded() => _attemptPause = null;

    /// <summary>Attempts that are counted are spaced from one to the next; what a notice brings in between is free.</summary>
    private TimeSpan ToNextAttempt()
    {
        if (_attemptPause is null)
        {
            _attemptPause = WaitBudget.Jitter(options.RetryDelay, options.RetryJitter);
            _attemptPauseFrom = time.GetTimestamp();
        }

        return _attemptPause.Value - time.GetElapsedTime(_attemptPauseFrom);
    }

    private TimeSpan ToNextPoll(AcquireReply busy, bool isWatching)
    {
        if (isWatching && !busy.IsStranger)
            return options.PollInterval;
        if (busy.AskAgainIn is { } known)
            return known;
        // Nothing better is known: short pauses first, for short critical sections, then the full delay.
        TimeSpan poll = _polls.Next();
        return WaitBudget.Jitter(poll, options.RetryJitter * (poll / Nonzero(options.RetryDelay)));
    }

    private static TimeSpan Nonzero(TimeSpan span) => span > TimeSpan.Zero ? span : TimeSpan.FromTicks(1);
}
