using System.Diagnostics.CodeAnalysis;

namespace Locking;

/// <summary>The requests that change the ttl of one lease, one at a time. Made with the first of them, which most leases never
/// make.</summary>
/// <remarks>
/// One at a time, since the last one that the backend applies must be the last one that is counted here. A release does not wait for them:
/// extending never creates a lease, so a late one finds nothing.
/// </remarks>
[SuppressMessage("Design", "CA1001", Justification = "Nothing to free in semaphore and token source: no wait handle, no timer.")]
internal sealed class LeaseRequests(Lease lease, StoreClient store) : IThreadPoolWorkItem
{
    private readonly SemaphoreSlim _one = new(1, 1);
    private readonly CancellationTokenSource _stop = new();

    /// <summary>The lease has ended: what is under way is given up.</summary>
    public void Stop() => _ = _stop.CancelAsync();

    /// <summary>Restarts the TTL with a new length.</summary>
    /// <exception cref="LockStoreException">No answer; the shorter of the old and the new validity stands.</exception>
    public async ValueTask<bool> TryExtendAsync(TimeSpan ttl, CancellationToken cancellationToken)
    {
        if (!lease.IsLive())
            return false;
        lease.RefuseWithoutValidity(ttl);
        await _one.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return lease.IsLive() && await ExtendOneAsync(ttl, isRenewal: false, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _one.Release();
        }
    }

    /// <summary>A renewal, on a thread of the engine's own.</summary>
    void IThreadPoolWorkItem.Execute() => _ = RenewAsync();

    private async Task RenewAsync()
    {
        if (!_one.Wait(TimeSpan.Zero, CancellationToken.None))
        {
            // A caller extends the lease right now, which renews it: waiting for that would need the thread pool. It is looked at again
            // soon.
            lease.RenewLater();
            return;
        }

        try
        {
            if (lease.RenewalTtl() is { } ttl)
                await ExtendOneAsync(ttl, isRenewal: true, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            // Whatever a store throws: without an answer the lease is in doubt, and asks again after a pause.
            if (lease.TryDoubt())
                store.Failed("renew", lease.Key, lease.Id, exception);
        }
        finally
        {
            _one.Release();
            lease.RenewalEnded();
        }
    }

    /// <summary>One request; the caller has the turn.</summary>
    private async ValueTask<bool> ExtendOneAsync(TimeSpan ttl, bool isRenewal, CancellationToken cancellationToken)
    {
        long sentAt = store.Clock.Now;
        if (lease.BeginExtending(ttl, sentAt) is not { } sentTtl)
            return lease.IsLive(); // at maxHold, lost or given back meanwhile
        var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stop.Token);
        StoreReply reply;
        try
        {
            reply = await store.TryExtendAsync(lease.Key, lease.Id, sentTtl, limit.Token).ConfigureAwait(false);
            store.Answered(store.Clock.Now);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return lease.IsLive(); // lost or given back meanwhile
        }
        finally
        {
            StoreCalls.Dispose(limit);
        }

        if (reply == StoreReply.Done)
            return lease.Extended(isRenewal ? null : ttl, sentTtl, isAtMaxHold: sentTtl != ttl, sentAt);
        lease.Lose(reply == StoreReply.HeldByAnother ? LostReason.HeldByAnother : LostReason.Removed);
        return false;
    }
}
