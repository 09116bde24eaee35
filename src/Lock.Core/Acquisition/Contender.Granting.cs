namespace Locking;

/// <content>From a grant to a handle.</content>
internal sealed partial class Contender
{
    /// <summary>Makes a handle of a grant, unless it came too late; a lock without expiry takes its second step first.</summary>
    private async ValueTask<ILockHandle?> AdoptAsync(AcquireReply reply, long sentAt, CancellationToken cancellationToken)
    {
        if (!_isPermanent)
            return Adopt(reply, sentAt, _ttl, _engine.Clock.Now);
        _mayHold = true;
        if (await MakePermanentAsync(Begun(reply, sentAt), cancellationToken).ConfigureAwait(false))
            return Adopt(reply, sentAt, Timeout.InfiniteTimeSpan, _engine.Clock.Now);
        GiveBack();
        return null;
    }

    private LockHandle? Adopt(AcquireReply reply, long sentAt, TimeSpan ttl, long now)
    {
        var begun = Begun(reply, sentAt);
        if (ttl != Timeout.InfiniteTimeSpan && _engine.Clock.Elapsed(begun, now) >= ttl - _options.LostMarginOf(ttl))
        {
            Log.GrantedTooLate(_engine.Logger, _key, _request.HolderId);
            GiveBack();
            return null;
        }

        if (_engine.Waiting is not null)
            _attempts = _budget.AttemptByTime;
        var lease = new Lease(_engine, _request, reply.FencingToken, _options, begun, ttl);
        _engine.Register(lease);

        // From here on the lease itself hears of a loss; one that was told before came to this contender.
        if (_lostMeanwhile)
        {
            lease.Withdraw();
            GiveBack();
            return null;
        }

        _mayHold = false;
        _isGranted = true;
        _token = reply.FencingToken;
        _engine.Adopt(lease, now);
        return new LockHandle(lease, Attempts, _budget.ElapsedAt(now));
    }

    /// <summary>No later than the moment the backend began the lease.</summary>
    private long Begun(AcquireReply reply, long sentAt)
    {
        if (reply.QueuedFor == TimeSpan.Zero)
            return sentAt;
        var by = reply.QueuedFor * (1 - _options.DriftFactor);
        return by <= TimeSpan.Zero ? sentAt : sentAt + _engine.Clock.ToTimestampTicks(by);
    }

    /// <summary>The second step of a lock without expiry.</summary>
    /// <returns>False when the provisional lease was gone before.</returns>
    private async ValueTask<bool> MakePermanentAsync(long begun, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                return await _engine.TryExtendOnceAsync(_key, _request.HolderId, Timeout.InfiniteTimeSpan, WaitToken(cancellationToken))
                    .ConfigureAwait(false) == StoreReply.Done;
            }
            catch (ArgumentException)
            {
                // The store has no locks without expiry. Nothing is left of the try when the caller hears of it.
                _mayHold = false;
                await _engine.Pending.SettledAsync(_key, _request.HolderId, ProvisionalTtl).ConfigureAwait(false);
                throw;
            }
            catch (LockStoreException exception)
            {
                if (!exception.IsTransient || _engine.Clock.ElapsedSince(begun) >= ProvisionalTtl)
                    throw;
                _failures++;
                await Task.Delay(FirstFailurePause, _engine.Clock.Time, WaitToken(cancellationToken)).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Releases the id in the background and goes on with a new one, which that release cannot touch.</summary>
    private void GiveBack()
    {
        _engine.Pending.Add(_key, _request.HolderId, _isPermanent ? Timeout.InfiniteTimeSpan : _ttl);
        Volatile.Write(ref _request, NewRequest());
        _mayHold = false;
    }
}
