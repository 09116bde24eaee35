namespace Locking;

/// <content>What changes the ttl: extensions and renewals, which <see cref="LeaseRequests"/> sends.</content>
internal sealed partial class Lease
{
    /// <summary>Restarts the TTL with a new length.</summary>
    /// <exception cref="LockStoreException">No answer; the shorter of the old and the new validity stands.</exception>
    public ValueTask<bool> TryExtendAsync(TimeSpan ttl, CancellationToken cancellationToken)
    {
        LeaseRequests requests;
        lock (_gate)
            requests = RequestsUnsynchronized();
        return requests.TryExtendAsync(ttl, cancellationToken);
    }

    /// <summary>A ttl that drift, or the margin, leaves nothing of is refused.</summary>
    public void RefuseWithoutValidity(TimeSpan ttl)
    {
        TimeSpan margin = _standing.Options.LostMarginOf(ttl);
        if (ttl != Timeout.InfiniteTimeSpan && ttl <= margin)
        {
            throw new ArgumentOutOfRangeException(
                nameof(ttl), ttl, $"A ttl of {ttl.TotalMilliseconds} ms leaves nothing of the lease: its loss is announced "
                + $"{margin.TotalMilliseconds} ms before its end (lostMargin, driftFactor).");
        }
    }

    /// <inheritdoc cref="LeaseStanding.BeginExtending"/>
    public TimeSpan? BeginExtending(TimeSpan ttl, long sentAt)
    {
        lock (_gate)
        {
            TimeSpan? sentTtl = _standing.BeginExtending(ttl, sentAt, out bool isShorter);
            if (isShorter)
                SetAlarmUnsynchronized(Now);
            return sentTtl;
        }
    }

    /// <summary>The backend has done it.</summary>
    /// <inheritdoc cref="LeaseTerm.Extended"/>
    /// <returns>Whether the lease is held still.</returns>
    public bool Extended(TimeSpan? ttl, TimeSpan sentTtl, bool isAtMaxHold, long sentAt)
    {
        lock (_gate)
        {
            if (!_standing.TryExtended(ttl, sentTtl, isAtMaxHold, sentAt))
                return _standing.State != LeaseState.Lost;
            SetAlarmUnsynchronized(Now);
        }

        return !LoseIfOver();
    }

    /// <inheritdoc cref="LeaseStanding.RenewalTtl"/>
    public TimeSpan? RenewalTtl()
    {
        lock (_gate)
            return _standing.RenewalTtl(Now);
    }

    /// <inheritdoc cref="LeaseStanding.TryDoubt"/>
    public bool TryDoubt()
    {
        lock (_gate)
            return _standing.TryDoubt(_store.Clock);
    }

    /// <summary>The renewal is over, whatever came of it.</summary>
    public void RenewalEnded()
    {
        lock (_gate)
        {
            _standing.RenewalEnded();
            SetAlarmUnsynchronized(Now);
        }
    }

    /// <summary>The renewal could not be asked for now.</summary>
    public void RenewLater()
    {
        lock (_gate)
        {
            _standing.RetryLater(_store.Clock);
            _standing.RenewalEnded();
            SetAlarmUnsynchronized(Now);
        }
    }

    private LeaseRequests RequestsUnsynchronized() => _requests ??= new LeaseRequests(this, _store);
}
