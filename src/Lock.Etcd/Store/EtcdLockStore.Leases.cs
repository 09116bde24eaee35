using Google.Protobuf;
using Grpc.Core;
using Locking.Etcd;

namespace Locking;

/// <content>Leases, and what becomes of them.</content>
internal sealed partial class EtcdLockStore
{
    /// <summary>Whole seconds, no fewer than the server grants as far as that is known.</summary>
    private long SecondsOf(TimeSpan ttl) =>
        Math.Clamp((long)Math.Ceiling(ttl.TotalSeconds), Volatile.Read(ref _leastSeconds), MostSeconds);

    /// <summary>Asks for a lease, under another id where this one is taken.</summary>
    private async ValueTask<long> GrantAsync(long id, TimeSpan ttl, CancellationToken stop)
    {
        if (ttl <= TimeSpan.Zero)
            throw new ArgumentOutOfRangeException(nameof(ttl), ttl, "A lease lasts at least 1 ms.");
        var request = new LeaseGrantRequest { ID = id, TTL = SecondsOf(ttl) };
        try
        {
            LeaseGrantResponse reply = await _client.CallAsync((m, o) => m.Leases.LeaseGrantAsync(request, o).ResponseAsync, stop)
                .ConfigureAwait(false);
            if (reply.TTL > request.TTL)
                Volatile.Write(ref _leastSeconds, reply.TTL);
            return reply.ID;
        }
        catch (RpcException)
        {
            return await GrantAsync(0, ttl, stop).ConfigureAwait(false);
        }
    }

    /// <summary>Starts a lease anew.</summary>
    /// <returns>Its length in seconds; 0: it is gone.</returns>
    private ValueTask<long> KeepAliveAsync(long lease, CancellationToken stop) => _client.CallAsync(
        async (member, options) =>
        {
            using AsyncDuplexStreamingCall<LeaseKeepAliveRequest, LeaseKeepAliveResponse> call = member.Leases.LeaseKeepAlive(options);
            await call.RequestStream.WriteAsync(new LeaseKeepAliveRequest { ID = lease }, options.CancellationToken).ConfigureAwait(false);
            return await call.ResponseStream.MoveNext(options.CancellationToken).ConfigureAwait(false)
                ? call.ResponseStream.Current.TTL
                : 0;
        }, stop);

    /// <summary>Ends an entry: by its lease, or, where it has none or is a stranger's, whose lease may carry more, by itself.</summary>
    /// <returns>False when it was changed or ended meanwhile.</returns>
    private async ValueTask<bool> EndAsync(KeyValue entry, CancellationToken stop) => entry.Lease != 0 && !entry.Value.IsEmpty
        ? await RevokeAsync(entry.Lease, stop).ConfigureAwait(false)
        : (await TxnAsync([EtcdOps.WrittenAt(entry.Key, entry.ModRevision)], [EtcdOps.Delete(entry.Key)], [], stop).ConfigureAwait(false))
            .Succeeded;

    /// <summary>Moves an entry to another lease, or to none, and gives up the one that it leaves.</summary>
    /// <remarks>Whoever releases a lock may know it by its old lease only, and ends that. No two end one lease: who comes second finds it
    /// gone, and undoes what the other could not know of.</remarks>
    /// <returns>The entry as it is now; null when it was changed or released meanwhile, and the new lease is given up.</returns>
    private async ValueTask<KeyValue?> MoveAsync(KeyValue entry, long lease, CancellationToken stop)
    {
        TxnResponse reply = await TxnAsync(
            [EtcdOps.WrittenAt(entry.Key, entry.ModRevision)], [EtcdOps.Put(entry.Key, entry.Value, lease)], [], stop)
                .ConfigureAwait(false);
        if (reply.Succeeded && (entry.Lease == 0 || await RevokeAsync(entry.Lease, stop).ConfigureAwait(false)))
            return new KeyValue(entry) { Lease = lease, ModRevision = reply.Header.Revision };
        if (reply.Succeeded)
            await TxnAsync([EtcdOps.WrittenAt(entry.Key, reply.Header.Revision)], [EtcdOps.Delete(entry.Key)], [], stop)
                .ConfigureAwait(false);
        RevokeLater(lease);
        return null;
    }

    /// <summary>Ends a lease, and with it what hangs on it.</summary>
    /// <returns>False when it was gone.</returns>
    private async ValueTask<bool> RevokeAsync(long lease, CancellationToken stop)
    {
        var request = new LeaseRevokeRequest { ID = lease };
        try
        {
            await _client.CallAsync((m, o) => m.Leases.LeaseRevokeAsync(request, o).ResponseAsync, stop).ConfigureAwait(false);
            return true;
        }
        catch (RpcException)
        {
            return false;
        }
    }

    /// <summary>The same for a lease that ends by itself if this fails.</summary>
    private async Task RevokeQuietlyAsync(long lease)
    {
        try
        {
            await RevokeAsync(lease, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is LockStoreException or ObjectDisposedException)
        {
            // Its time comes.
        }
    }

    private void RevokeLater(long lease)
    {
        if (lease != 0)
            _ = DetachedFlow.Start(() => RevokeQuietlyAsync(lease));
    }

    private async ValueTask<TxnResponse> TxnAsync(Compare[] compare, RequestOp[] success, RequestOp[] failure, CancellationToken stop)
    {
        var request = new TxnRequest { Compare = { compare }, Success = { success }, Failure = { failure } };
        try
        {
            return await _client.CallAsync((m, o) => m.Kv.TxnAsync(request, o).ResponseAsync, stop).ConfigureAwait(false);
        }
        catch (RpcException exception)
        {
            throw new LockStoreException("The lease ended before it could be used.", isTransient: true, exception)
            {
                MayHaveBeenApplied = false,
            };
        }
    }

    /// <summary>Watches a grant until it is released, and says when somebody else ends it.</summary>
    private void Guard(string key, string id, KeyValue entry)
    {
        var end = new GuardEnd();
        GuardEnd guard = _guards.GetOrAdd((key, id), end);
        guard.Lease = entry.Lease;
        if (guard == end)
            _ = DetachedFlow.Start(() => GuardAsync(key, id, entry, end.Token));
    }

    /// <summary>Ends the watch over a grant, which is about to end.</summary>
    /// <returns>The lease of the grant as far as this store has granted it and nothing made that doubtful; else 0.</returns>
    private long EndGuard(string key, string id)
    {
        if (!_guards.TryRemove((key, id), out GuardEnd? guard))
            return 0;
        guard.Cancel();
        return guard.Lease;
    }

    private async Task GuardAsync(string key, string id, KeyValue entry, CancellationToken ended)
    {
        // A lock that is given back at once is spared its watch, which tells also of what happened before it began.
        await Task.Delay(s_pause, _clock, ended).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        long seen = entry.ModRevision;
        try
        {
            while (!await _watches.DeletedAsync(entry.Key, seen, ended).ConfigureAwait(false))
            {
                await Task.Delay(s_pause, _clock, ended).ConfigureAwait(false);
                try
                {
                    TxnResponse reply = await TxnAsync([], [EtcdOps.Get(entry.Key)], [], ended).ConfigureAwait(false);
                    if (reply.Found(0)?.CreateRevision != entry.CreateRevision)
                        break;
                    seen = reply.Header.Revision;
                }
                catch (LockStoreException)
                {
                    // Asked again.
                }
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException)
        {
            return;
        }

        if (_guards.TryRemove((key, id), out GuardEnd? end))
            LeaseLost?.Invoke(new StoreLoss(key, id, end.Reason));
    }

    /// <summary>Ends the watch over a grant.</summary>
    private sealed class GuardEnd : CancellationTokenSource
    {
        /// <summary>What its holder is told when the grant is gone.</summary>
        public volatile LostReason Reason = LostReason.Removed;

        /// <summary>The lease that the grant hangs on; 0: none, or not known.</summary>
        public long Lease
        {
            get => Volatile.Read(ref field);
            set => Volatile.Write(ref field, value);
        }
    }
}
