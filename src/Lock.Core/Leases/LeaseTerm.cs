namespace Locking;

/// <summary>The times of one lease: until when it is valid, when it is renewed, and how far it may reach. No more than
/// arithmetic.</summary>
/// <remarks>Guarded by the gate of its <see cref="Lease"/>, but for what was fixed with the grant. Every answer is for a moment that the
/// caller has read.</remarks>
internal struct LeaseTerm
{
    private static readonly TimeSpan s_shortestRetry = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan s_longestRetry = TimeSpan.FromSeconds(1);

    /// <summary>A lease without expiry is looked at this often, so that a loss is noticed.</summary>
    private static readonly TimeSpan s_checkInterval = TimeSpan.FromSeconds(10);

    private readonly LeaseClock _clock;
    private readonly EffectiveOptions _options;
    private readonly long _grantedFrom;
    private TimeSpan _ttl;
    private long _validFrom;
    private TimeSpan _validFor;
    private long _backendEndsAt;
    private bool _atMaxHold;

    /// <summary>Makes the times of a grant.</summary>
    /// <param name="clock">Counts them.</param>
    /// <param name="options">The options of the call.</param>
    /// <param name="grantedFrom">No later than the moment the backend began the lease.</param>
    /// <param name="ttl">The TTL in force, no longer than maxHold.</param>
    public LeaseTerm(LeaseClock clock, EffectiveOptions options, long grantedFrom, TimeSpan ttl)
    {
        _clock = clock;
        _options = options;
        _grantedFrom = grantedFrom;
        _ttl = options.Ttl;
        _validFrom = grantedFrom;
        _validFor = Validity(ttl);
        _backendEndsAt = BackendEnd(grantedFrom, ttl);
        RenewAt = grantedFrom + clock.ToTimestampTicks(RenewInterval());
        _atMaxHold = options.MaxHold != Timeout.InfiniteTimeSpan && ttl != _ttl;
    }

    /// <summary>The TTL that was asked for last, and that renewals ask for.</summary>
    public readonly TimeSpan Ttl => _ttl;

    /// <summary>When the backend is to be asked again.</summary>
    public long RenewAt { get; set; }

    public readonly bool HasEnd => _validFor != Timeout.InfiniteTimeSpan;

    /// <summary>Whether the ttl is renewed: until maxHold allows no more, and without expiry as well, so that a loss is noticed.</summary>
    public readonly bool IsRenewed => !_atMaxHold && (_options.Renews || _ttl == Timeout.InfiniteTimeSpan);

    /// <summary>The options of the call.</summary>
    public readonly EffectiveOptions Options => _options;

    public readonly TimeSpan HeldFor() => _clock.ElapsedSince(_grantedFrom);

    /// <summary>What is left until the loss is announced; <see cref="Timeout.InfiniteTimeSpan"/> without expiry.</summary>
    public readonly TimeSpan Left(long now)
    {
        if (!HasEnd)
            return Timeout.InfiniteTimeSpan;
        TimeSpan left = _validFor - _clock.Elapsed(_validFrom, now);
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }

    /// <summary>How long the lease is over; negative while it lasts. Only for one that <see cref="HasEnd"/>.</summary>
    public readonly TimeSpan OverFor(long now) => _clock.Elapsed(_validFrom, now) - _validFor;

    /// <summary>Whether the lease cannot be made to last beyond this moment.</summary>
    public readonly bool IsAtMaxHold(long now) =>
        _options.MaxHold != Timeout.InfiniteTimeSpan && WithinMaxHold(TimeSpan.MaxValue, now) <= _options.LostMarginOf(_options.MaxHold);

    /// <summary>What is left of the lease in the backend, at most: what a lease that does not renew asks for.</summary>
    public readonly TimeSpan LeftInBackend(long now)
    {
        if (_backendEndsAt == long.MaxValue)
            return Timeout.InfiniteTimeSpan;
        TimeSpan left = _clock.Elapsed(now, _backendEndsAt);
        return left > TimeSpan.Zero ? WholeMilliseconds(left) : TimeSpan.Zero;
    }

    /// <summary>The TTL to ask for now, so that the lease does not reach beyond maxHold.</summary>
    public readonly TimeSpan WithinMaxHold(TimeSpan ttl, long now)
    {
        if (_options.MaxHold == Timeout.InfiniteTimeSpan)
            return ttl;
        TimeSpan left = _options.MaxHold - _clock.Elapsed(_grantedFrom, now);
        if (left <= TimeSpan.Zero)
            return TimeSpan.Zero; // and never -1 ms, which means for ever
        return ttl == Timeout.InfiniteTimeSpan || ttl > left ? WholeMilliseconds(left) : ttl;
    }

    /// <summary>
    /// A request that shortens the lease may be applied although its answer is lost: the shorter validity counts from the moment it is
    /// sent.
    /// </summary>
    /// <returns>Whether it is shorter now.</returns>
    public bool TryShorten(TimeSpan ttl, long sentAt)
    {
        if (ttl == Timeout.InfiniteTimeSpan)
            return false;
        TimeSpan validity = Validity(ttl);
        TimeSpan left = Left(sentAt);
        if (left != Timeout.InfiniteTimeSpan && validity >= left)
            return false;
        _validFrom = sentAt;
        _validFor = validity;
        return true;
    }

    /// <summary>The wall clock has gained so much: where the lease would be over by it, only <paramref name="longest"/> is still
    /// believed.</summary>
    public void Doubt(TimeSpan gained, TimeSpan longest, long now)
    {
        RenewAt = now;
        TimeSpan left = Left(now);
        if (left == Timeout.InfiniteTimeSpan || left > gained || left <= longest)
            return;
        _validFrom = now;
        _validFor = longest;
    }

    /// <summary>The backend has extended the lease.</summary>
    /// <param name="ttl">What was asked for; null for a renewal of what there was.</param>
    /// <param name="sentTtl">What it was told, within maxHold.</param>
    /// <param name="isAtMaxHold">Whether maxHold allowed less than what was asked for.</param>
    /// <param name="sentAt">When the request was sent.</param>
    public void Extended(TimeSpan? ttl, TimeSpan sentTtl, bool isAtMaxHold, long sentAt)
    {
        _ttl = ttl ?? _ttl;
        _validFrom = sentAt;
        _validFor = Validity(sentTtl);
        _backendEndsAt = BackendEnd(sentAt, sentTtl);
        RenewAt = sentAt + _clock.ToTimestampTicks(RenewInterval());
        _atMaxHold = isAtMaxHold;
    }

    /// <summary>The pause after a renewal that was not answered.</summary>
    public readonly TimeSpan RetryPause()
    {
        TimeSpan pause = RenewInterval() / 4;
        return pause < s_shortestRetry ? s_shortestRetry : pause > s_longestRetry ? s_longestRetry : pause;
    }

    private readonly TimeSpan Validity(TimeSpan ttl) => ttl == Timeout.InfiniteTimeSpan ? ttl : ttl - _options.LostMarginOf(ttl);

    private readonly long BackendEnd(long from, TimeSpan ttl) =>
        ttl == Timeout.InfiniteTimeSpan ? long.MaxValue : from + _clock.ToTimestampTicks(ttl);

    private readonly TimeSpan RenewInterval()
    {
        if (_ttl == Timeout.InfiniteTimeSpan)
            return _options.GivenRenewInterval ?? s_checkInterval;
        TimeSpan interval = _options.GivenRenewInterval is { } given && given <= _ttl / 2 ? given : _ttl / 3;

        // A wide margin leaves less time than the ttl says.
        return _options.LostMargin is not null && interval > Validity(_ttl) / 2 ? Validity(_ttl) / 2 : interval;
    }

    private static TimeSpan WholeMilliseconds(TimeSpan span) => TimeSpan.FromMilliseconds(Math.Floor(span.TotalMilliseconds));
}
