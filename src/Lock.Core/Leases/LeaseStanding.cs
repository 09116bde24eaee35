namespace Locking;

/// <summary>Where a lease stands, and what follows from what: its states and its times. Asks nobody, tells nobody, and sets no
/// alarm.</summary>
/// <remarks>
/// <list type="table">
/// <listheader><term>State</term><description>Means → next</description></listheader>
/// <item><term>Held</term><description>last request confirmed, validity left → renewed: Held; no answer: Doubtful; "not yours" or validity
/// gone: Lost; unlocked: Released</description></item>
/// <item><term>Doubtful</term><description>last renewal unanswered, validity left → renewed: Held; "not yours" or validity gone: Lost;
/// unlocked: Released</description></item>
/// <item><term>Lost</term><description>end; the lost token has fired</description></item>
/// <item><term>Released</term><description>end; the caller gave it back, the lost token never fires</description></item>
/// </list>
/// <para>Under the gate of its <see cref="Lease"/>, but for what was fixed with the grant.</para>
/// </remarks>
internal struct LeaseStanding(in LeaseTerm term)
{
    private LeaseTerm _term = term;
    private LeaseState _state = LeaseState.Held;
    private LostReason? _lostReason;
    private bool _asks;
    private bool _renewing;
    private bool _abandoned;

    public readonly LeaseState State => _state;

    public readonly bool HasEnded => _state is LeaseState.Lost or LeaseState.Released;

    /// <summary>Why it was lost; null unless it was.</summary>
    public readonly LostReason? LostReason => _lostReason;

    /// <summary>The TTL that was asked for last.</summary>
    public readonly TimeSpan Ttl => _term.Ttl;

    /// <summary>The options of the call; fixed with the grant.</summary>
    public readonly EffectiveOptions Options => _term.Options;

    private readonly bool HasRenewal => !_abandoned && (_asks || _term.IsRenewed);

    /// <summary>Counts from what was fixed with the grant.</summary>
    public readonly TimeSpan HeldFor() => _term.HeldFor();

    public readonly bool IsWithinValidity(long now) => _term.Left(now) != TimeSpan.Zero;

    /// <summary>What is left until the loss is announced; without expiry the longest span, which is smaller than none.</summary>
    public readonly TimeSpan Remaining(long now)
    {
        if (HasEnded)
            return TimeSpan.Zero;
        return _term.HasEnd ? _term.Left(now) : TimeSpan.MaxValue;
    }

    /// <summary>Whether its time is over although it has not ended.</summary>
    /// <param name="now">Reads the clock, where that is needed.</param>
    /// <param name="reason">Why it is to be lost.</param>
    /// <param name="late">How long after the moment at which that had to be announced.</param>
    public readonly bool IsOver(LeaseClock now, out LostReason reason, out TimeSpan late)
    {
        reason = default;
        late = default;
        if (HasEnded || !_term.HasEnd)
            return false;
        long moment = now.Now;
        late = _term.OverFor(moment);
        if (late < TimeSpan.Zero)
            return false;
        reason = _term.IsAtMaxHold(moment) ? Locking.LostReason.MaxHoldReached : Locking.LostReason.Expired;
        return true;
    }

    /// <summary>Ends it as lost.</summary>
    /// <returns>False when it had ended before.</returns>
    public bool TryLose(LostReason reason)
    {
        if (HasEnded)
            return false;
        _state = LeaseState.Lost;
        _lostReason = reason;
        return true;
    }

    /// <summary>Ends it as given back.</summary>
    /// <returns>False when it had ended before.</returns>
    public bool TryRelease()
    {
        if (HasEnded)
            return false;
        _state = LeaseState.Released;
        return true;
    }

    /// <summary>Nobody has it any more: no more renewals.</summary>
    /// <returns>False when it had ended before.</returns>
    public bool TryAbandon() => !HasEnded && (_abandoned = true);

    /// <summary>A request that changes the TTL is about to be sent.</summary>
    /// <param name="ttl">What is asked for.</param>
    /// <param name="sentAt">This moment.</param>
    /// <param name="isShorter">Whether the lease may be over earlier because of it.</param>
    /// <returns>The TTL to ask for, within maxHold; null when nothing is left to ask for.</returns>
    public TimeSpan? BeginExtending(TimeSpan ttl, long sentAt, out bool isShorter)
    {
        isShorter = false;
        TimeSpan sentTtl = _term.WithinMaxHold(ttl, sentAt);
        if (HasEnded || (sentTtl <= TimeSpan.Zero && sentTtl != Timeout.InfiniteTimeSpan))
            return null;
        isShorter = _term.TryShorten(sentTtl, sentAt);
        return sentTtl;
    }

    /// <summary>The backend has done it.</summary>
    /// <inheritdoc cref="LeaseTerm.Extended"/>
    /// <returns>False when the lease had ended before.</returns>
    public bool TryExtended(TimeSpan? ttl, TimeSpan sentTtl, bool isAtMaxHold, long sentAt)
    {
        if (HasEnded)
            return false;
        _state = LeaseState.Held;
        _asks = false;
        _term.Extended(ttl, sentTtl, isAtMaxHold, sentAt);
        return true;
    }

    /// <summary>The wall clock has stepped: the backend is asked at once.</summary>
    /// <returns>False when the lease has ended, or nobody has it any more.</returns>
    public bool TryDoubtAt(TimeSpan gained, TimeSpan longest, long now)
    {
        if (_abandoned || HasEnded)
            return false;
        _state = LeaseState.Doubtful;
        _asks = true;
        _term.Doubt(gained, longest, now);
        return true;
    }

    /// <summary>Begins the renewal that is due, if one is and none is under way.</summary>
    public bool TryBeginRenewal(long now) => !_renewing && HasRenewal && _term.RenewAt <= now && (_renewing = true);

    /// <summary>What the renewal that is due asks for; null when there is nothing to ask for.</summary>
    public readonly TimeSpan? RenewalTtl(long now)
    {
        if (HasEnded || !HasRenewal)
            return null;
        TimeSpan ttl = _term.IsRenewed ? _term.Ttl : _term.LeftInBackend(now);
        return ttl > TimeSpan.Zero || ttl == Timeout.InfiniteTimeSpan ? ttl : null;
    }

    /// <summary>A renewal was not answered: again soon, until the validity ends.</summary>
    /// <returns>False when the lease has ended.</returns>
    public bool TryDoubt(LeaseClock clock)
    {
        if (HasEnded)
            return false;
        _state = LeaseState.Doubtful;
        RetryLater(clock);
        return true;
    }

    /// <summary>The renewal is over, whatever came of it.</summary>
    public void RenewalEnded() => _renewing = false;

    /// <summary>The backend is asked again after a pause.</summary>
    public void RetryLater(LeaseClock clock) => _term.RenewAt = clock.TimestampIn(_term.RetryPause());

    /// <summary>When something is to be done for it: its renewal, or its end; <see cref="long.MaxValue"/> when nothing is.</summary>
    public readonly long DueAt(LeaseClock clock, long now)
    {
        if (HasEnded)
            return long.MaxValue;
        long due = _term.HasEnd ? now + clock.ToTimestampTicks(_term.Left(now)) : long.MaxValue;
        return !_renewing && HasRenewal && _term.RenewAt < due ? _term.RenewAt : due;
    }
}
