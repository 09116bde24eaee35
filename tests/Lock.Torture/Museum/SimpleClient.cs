namespace Locking.Torture;

/// <summary>What a simple client gets wrong.</summary>
[Flags]
public enum Flaws
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>The lease is counted from the answer, not from the request.</summary>
    CountsFromReply = 1,

    /// <summary>The renewed lease is counted from the answer to the renewal, which comes at six tenths of the ttl.</summary>
    CountsRenewalFromReply = 2,

    /// <summary>The loss is found out well after it.</summary>
    AnnouncesLate = 4,

    /// <summary>The lease counts as held until a renewal says otherwise, however long that takes.</summary>
    TrustsRenewals = 8,

    /// <summary>A release that failed leaves the renewal running.</summary>
    RenewsAfterFailedRelease = 16,

    /// <summary>A store that fails grants the lock.</summary>
    FailsOpen = 32,

    /// <summary>Released is said before it is known.</summary>
    SaysReleased = 64,

    /// <summary>Every attempt asks with a new id, so that the answer that was lost refuses the next.</summary>
    NewIdEachTime = 128,

    /// <summary>The wait is over after half of it.</summary>
    GivesUpEarly = 256,
}

/// <summary>A small lock client over a store, right without flaws: it polls, counts its lease from before the request, renews each third of
/// it, and asks again where no answer came.</summary>
public sealed class SimpleClient(ILockStore store, Flaws flaws) : ITortureClient
{
    /// <inheritdoc/>
    public bool CanLetExpire => true;

    /// <inheritdoc/>
    public async Task<ITortureHold?> TakeAsync(string key, TimeSpan ttl, TimeSpan wait, bool renew, CancellationToken cancellationToken)
    {
        long start = HistoryLog.Now;
        long limit = wait < TimeSpan.Zero ? long.MaxValue : start + (wait.Ticks / (flaws.HasFlag(Flaws.GivesUpEarly) ? 2 : 1));
        AcquireRequest request = Request();
        while (true)
        {
            long sent = HistoryLog.Now;
            try
            {
                AcquireReply reply = await store.TryAcquireAsync(request, cancellationToken);
                if (reply.IsGranted)
                    return new Hold(store, flaws, request, reply.FencingToken,
                        flaws.HasFlag(Flaws.CountsFromReply) ? HistoryLog.Now : sent, renew);
                if (HistoryLog.Now >= limit)
                    return null;
            }
            catch (LockStoreException) when (flaws.HasFlag(Flaws.FailsOpen))
            {
                return new Hold(store, flaws, request, null, sent, renew);
            }
            catch (LockStoreException)
            {
                if (flaws.HasFlag(Flaws.NewIdEachTime))
                    request = Request();
            }
            catch (OperationCanceledException)
            {
                await Hold.ReleaseAsync(store, request);
                throw;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(3), TimeProvider.System, CancellationToken.None);
        }

        AcquireRequest Request() => new(key, Guid.NewGuid().ToString(), "museum", ttl);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => store.DisposeAsync();

    private sealed class Hold : ITortureHold
    {
        private readonly ILockStore _store;
        private readonly Flaws _flaws;
        private readonly AcquireRequest _request;
        private readonly CancellationTokenSource _end = new();
        private long _until;
        private volatile bool _isGone;

        public Hold(ILockStore store, Flaws flaws, AcquireRequest request, long? token, long from, bool renew)
        {
            (_store, _flaws, _request, Token) = (store, flaws, request, token);
            _until = from + request.Ttl.Ticks;
            if (renew)
                _ = Task.Run(RenewAsync);
        }

        public long? Token { get; }

        public TimeSpan? Remaining => IsLost ? TimeSpan.Zero
            : _flaws.HasFlag(Flaws.TrustsRenewals) ? null
            : TimeSpan.FromTicks(Math.Max(1, Volatile.Read(ref _until) - HistoryLog.Now));

        public bool IsLost => _isGone || (!_flaws.HasFlag(Flaws.TrustsRenewals) && HistoryLog.Now >= Volatile.Read(ref _until) + Late);

        private long Late => _flaws.HasFlag(Flaws.AnnouncesLate) ? _request.Ttl.Ticks * 2 / 5 : 0;

        public string Reason => _isGone ? "Gone" : "Expired";

        public static async Task<StoreReply?> ReleaseAsync(ILockStore store, AcquireRequest request)
        {
            for (int attempt = 0; attempt < 20; attempt++)
            {
                try
                {
                    return await store.TryReleaseAsync(request.Key, request.HolderId, CancellationToken.None);
                }
                catch (LockStoreException)
                {
                    await Task.Delay(TimeSpan.FromMilliseconds(3), TimeProvider.System);
                }
            }

            return null;
        }

        public async Task<bool?> ExtendAsync(TimeSpan ttl) => IsLost ? false : await ExtendOnceAsync(ttl) == StoreReply.Done;

        public async Task<string> ReleaseAsync()
        {
            if (_flaws.HasFlag(Flaws.RenewsAfterFailedRelease))
            {
                try
                {
                    await _store.TryReleaseAsync(_request.Key, _request.HolderId, CancellationToken.None);
                }
                catch (LockStoreException)
                {
                    return "Unknown";
                }
            }

            await _end.CancelAsync();
            bool wasLost = IsLost;
            StoreReply? reply = await ReleaseAsync(_store, _request);
            return _flaws.HasFlag(Flaws.SaysReleased) ? "Released"
                : reply == StoreReply.Done ? "Released"
                : wasLost && reply is not null ? "AlreadyExpired"
                : "Unknown"; // a release that was asked twice may have been the first
        }

        private async Task RenewAsync()
        {
            while (!_end.IsCancellationRequested && !IsLost)
            {
                await Task.Delay(_request.Ttl * (_flaws.HasFlag(Flaws.CountsRenewalFromReply) ? 0.6 : 0.33), TimeProvider.System,
                    _end.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                try
                {
                    if (!_end.IsCancellationRequested && !IsLost && await ExtendOnceAsync(_request.Ttl) != StoreReply.Done)
                        _isGone = true;
                }
                catch (LockStoreException)
                {
                    // The next one may be answered.
                }
                catch (ObjectDisposedException)
                {
                    // A renewal that nothing has ended outlives its client.
                    return;
                }
            }
        }

        private async Task<StoreReply> ExtendOnceAsync(TimeSpan ttl)
        {
            long sent = HistoryLog.Now;
            StoreReply reply = await _store.TryExtendAsync(_request.Key, _request.HolderId, ttl, CancellationToken.None);
            if (reply == StoreReply.Done && (!IsLost || _flaws.HasFlag(Flaws.CountsRenewalFromReply)))
                Volatile.Write(ref _until, (_flaws.HasFlag(Flaws.CountsRenewalFromReply) ? HistoryLog.Now : sent) + ttl.Ticks);
            return reply;
        }
    }
}
