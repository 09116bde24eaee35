namespace Locking;

/// <summary>The options of one call, with nothing left open: call over configuration over default.</summary>
/// <remarks>Immutable; the two common ones (no options in the call) are made once.</remarks>
internal sealed class EffectiveOptions
{
    private static readonly TimeSpan s_defaultTtl = TimeSpan.FromSeconds(30);

    private readonly TimeSpan _firstMargin;

    private EffectiveOptions(LockOptions defaults, LockOptions? call, bool isTry, string defaultOwner)
    {
        LockOptions given = call ?? new LockOptions();
        Ttl = given.Ttl ?? defaults.Ttl ?? s_defaultTtl;
        MaxHold = given.MaxHold ?? defaults.MaxHold ?? Timeout.InfiniteTimeSpan;
        Renews = Ttl != Timeout.InfiniteTimeSpan && (given.AutoRenew ?? defaults.AutoRenew ?? true);
        GivenRenewInterval = ChooseRenewInterval(given, defaults, Ttl);
        RetryDelay = given.RetryDelay ?? defaults.RetryDelay ?? TimeSpan.FromMilliseconds(200);
        RetryJitter = given.RetryJitter ?? defaults.RetryJitter ?? TimeSpan.FromMilliseconds(100);
        Wait = given.Wait ?? defaults.Wait ?? WaitMode.Auto;
        PollInterval = given.PollInterval ?? defaults.PollInterval ?? TimeSpan.FromSeconds(5);
        DriftFactor = given.DriftFactor ?? defaults.DriftFactor ?? 0.01;
        LostMargin = given.LostMargin ?? defaults.LostMargin;
        Owner = given.Owner ?? defaults.Owner ?? defaultOwner;
        KeepOnDisconnect = given.KeepOnDisconnect ?? defaults.KeepOnDisconnect ?? false;
        ReleaseTimeout = given.ReleaseTimeout ?? defaults.ReleaseTimeout ?? TimeSpan.FromSeconds(8);
        ThrowIfBusy = !isTry;
        (WaitTimeout, RetryCount) = ChooseWaiting(given, defaults, isTry);

        // What every call asks for is worked out once.
        IsSingleAttempt = WaitTimeout == TimeSpan.Zero || RetryCount == 0;
        QueueTimeout =
            RetriesLast == Timeout.InfiniteTimeSpan || (WaitTimeout != Timeout.InfiniteTimeSpan && WaitTimeout <= RetriesLast)
                ? WaitTimeout
                : RetriesLast;
        FirstTtl = MaxHold == Timeout.InfiniteTimeSpan || (Ttl != Timeout.InfiniteTimeSpan && Ttl <= MaxHold) ? Ttl : MaxHold;
        _firstMargin = MarginOf(FirstTtl);
    }

    /// <summary>The lease as asked for; <see cref="Timeout.InfiniteTimeSpan"/>: never expires.</summary>
    public TimeSpan Ttl { get; }

    public bool Renews { get; }

    /// <summary>The interval between renewals as it was given, or null for a third of the TTL in force.</summary>
    public TimeSpan? GivenRenewInterval { get; }

    /// <summary><see cref="Timeout.InfiniteTimeSpan"/>: no limit.</summary>
    public TimeSpan MaxHold { get; }

    /// <summary>Zero: one attempt; <see cref="Timeout.InfiniteTimeSpan"/>: for ever.</summary>
    public TimeSpan WaitTimeout { get; }

    /// <summary>Null: <see cref="WaitTimeout"/> alone rules; never negative.</summary>
    public int? RetryCount { get; }

    public TimeSpan RetryDelay { get; }

    public TimeSpan RetryJitter { get; }

    public WaitMode Wait { get; }

    public TimeSpan PollInterval { get; }

    public double DriftFactor { get; }

    /// <summary>As it was given, or null for the allowance for drift alone.</summary>
    public TimeSpan? LostMargin { get; }

    public string Owner { get; }

    public bool KeepOnDisconnect { get; }

    public TimeSpan ReleaseTimeout { get; }

    /// <summary>Whether busy is an exception (<c>Lock…</c>) or null (<c>TryLock…</c>).</summary>
    public bool ThrowIfBusy { get; }

    /// <summary>Whether there is no waiting at all.</summary>
    public bool IsSingleAttempt { get; }

    /// <summary>How long all retries last with their spacing; <see cref="Timeout.InfiniteTimeSpan"/> without a limit, or beyond what a span
    /// can tell.</summary>
    public TimeSpan RetriesLast => RetryCount is { } retries && retries * RetryDelay.TotalDays <= OptionRules.Longest.TotalDays
        ? retries * RetryDelay
        : Timeout.InfiniteTimeSpan;

    /// <summary>How long a call may wait that stands in a queue and makes no attempts of its own: the retries count with their
    /// spacing.</summary>
    public TimeSpan QueueTimeout { get; }

    /// <summary>The lease to ask for first: the TTL, but never beyond <see cref="MaxHold"/>.</summary>
    public TimeSpan FirstTtl { get; }

    /// <summary>The number of the attempt that a time spent waiting amounts to, from 1: a wake-up is part of the attempt that it
    /// ends.</summary>
    public int AttemptsWithin(TimeSpan waited) =>
        RetryCount is { } retries && RetryDelay > TimeSpan.Zero ? 1 + (int)Math.Min(retries, waited / RetryDelay) : 1;

    /// <summary>So long before the backend may grant to another a loss is announced: what was asked for, and never less than clocks may
    /// differ by.</summary>
    public TimeSpan LostMarginOf(TimeSpan ttl) => ttl == FirstTtl ? _firstMargin : MarginOf(ttl);

    /// <summary>Resolves the options of a call; <paramref name="call"/> is null when it gave none.</summary>
    /// <exception cref="ArgumentException">Two options do not go together.</exception>
    public static EffectiveOptions Resolve(LockOptions defaults, LockOptions? call, bool isTry, string defaultOwner) =>
        new(defaults, call, isTry, defaultOwner);

    /// <summary>A lease that its margin leaves nothing of is lost from the start.</summary>
    /// <exception cref="ArgumentException">The margin must be below the ttl, and below maxHold.</exception>
    public void RefuseWideMargin()
    {
        if (LostMargin is { } margin && FirstTtl != Timeout.InfiniteTimeSpan && FirstTtl <= margin)
        {
            throw new ArgumentException(
                $"lockOptions.lostMargin of {margin.TotalMilliseconds} ms must be below the ttl (or maxHold), which is "
                + $"{FirstTtl.TotalMilliseconds} ms.",
                "options");
        }
    }

    /// <summary>A lease that its margin, or the allowance for drift, leaves nothing of could only ever be granted too late.</summary>
    /// <exception cref="ArgumentException">Neither the ttl nor maxHold may be so short.</exception>
    public void RefuseWithoutValidity()
    {
        RefuseWideMargin();
        if (FirstTtl != Timeout.InfiniteTimeSpan && FirstTtl <= LostMarginOf(FirstTtl))
        {
            throw new ArgumentException(
                $"lockOptions.ttl (or maxHold) of {FirstTtl.TotalMilliseconds} ms leaves nothing after the allowance for drift, which is "
                + $"{DriftFactor} of it and 2 ms. Give at least a few milliseconds more.",
                "options");
        }
    }

    private TimeSpan MarginOf(TimeSpan ttl)
    {
        TimeSpan drift = LeaseClock.Drift(ttl, DriftFactor);
        return LostMargin is { } margin && margin > drift ? margin : drift;
    }

    /// <summary>
    /// What a call says of waiting replaces what the configuration says of it. An endless wait that only the configuration asks for
    /// leaves <c>TryLock</c> at one attempt: a try must not hang because a preset waits for ever.
    /// </summary>
    private static (TimeSpan Wait, int? Retries) ChooseWaiting(LockOptions call, LockOptions defaults, bool isTry)
    {
        bool fromCall = call.WaitTimeout is not null || call.RetryCount is not null;
        LockOptions source = fromCall ? call : defaults;
        TimeSpan? wait = source.WaitTimeout;
        int? retries = source.RetryCount;
        if (isTry && !fromCall)
        {
            if (wait == Timeout.InfiniteTimeSpan)
                wait = null;
            if (retries == -1)
                retries = null;
        }

        bool ruledByRetries = retries is not null;
        if (retries == -1)
            retries = null;
        return (wait ?? (isTry && !ruledByRetries ? TimeSpan.Zero : Timeout.InfiniteTimeSpan), retries);
    }

    private static TimeSpan? ChooseRenewInterval(LockOptions call, LockOptions defaults, TimeSpan ttl)
    {
        TimeSpan? interval = call.RenewInterval ?? defaults.RenewInterval;
        if (interval is null || ttl == Timeout.InfiniteTimeSpan || interval <= ttl / 2)
            return interval;
        if (call.RenewInterval is null && call.Ttl is not null)
            return null; // the configured interval was meant for the configured TTL
        throw new ArgumentException(
            $"lockOptions.renewInterval ({interval.Value.TotalMilliseconds} ms) must be at most half the ttl ({ttl.TotalMilliseconds} ms).",
            "options");
    }
}
