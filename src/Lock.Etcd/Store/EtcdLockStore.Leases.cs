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
            LeaseGrantResponse reply = await _client.CallAsync((m, o) => m.Leases.LeaseGrantAsync(request, o).ResponseAsync, stop).ConfigureAwait(false);
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
            return await call.ResponseStream.MoveNext(options.CancellationToken).ConfigureAwait(false) ? call.ResponseStream.Current.TTL : 0;
        }, stop);

    /// <summary>Moves an entry to another lease, or to none. The old one is given up.</summary>
    /// <returns>The entry as it is now; null when it has changed meanwhile, and the new lease is given up.</returns>
    private async ValueTask<KeyValue?> MoveAsync(KeyValue entry, long lease, CancellationToken stop)
    {
        TxnResponse reply = await TxnAsync(
            [EtcdOps.WrittenAt(entry.Key, entry.ModRevision)], [EtcdOps.Put(entry.Key, entry.Value, lease)], [], stop).ConfigureAwait(false);
        RevokeLater(reply.Succeeded ? entry.Lease : lease);
        return reply.Succeeded ? new KeyValue(entry) { Lease = lease, ModRevision = reply.Header.Revision } : null;
    }

    private async ValueTask RevokeAsync(long lease, CancellationToken stop)
    {
        var request = new LeaseRevokeRequest { ID = lease };
        try
        {
            await _client.CallAsync((m, o) => m.Leases.LeaseRevokeAsync(request, o).ResponseAsync, stop).ConfigureAwait(false);
        }
        catch (Exception fault) when (fault is RpcException or LockStoreException or ObjectDisposedException)
        {
            // It is gone, or will be when its time is up.
        }
    }

    private void RevokeLater(long lease)
    {
        if (lease != 0)
            _ = DetachedFlow.Start(() => RevokeAsync(lease, CancellationToken.None).AsTask());
    }

    private async ValueTask<TxnResponse> TxnAsync(Compare[] compare, RequestOp[] success, RequestOp[] failure, CancellationToken stop)
    {
        var request = new TxnRequest { Compare = { compare }, Success = { success }, Failure = { failure } };
        try
        {
            return await _client.CallAsync((m, o) => m.Kv.TxnAsync(request, o).ResponseAsync, stop).ConfigureAwait(false);
        }
        catch (RpcException fault)
        {
            throw new LockStoreException("The lease ended before it could be used.", isTransient: true, fault) { MayHaveBeenApplied = false };
        }
    }

    /// <summary>Watches a grant until it is released, and says when somebody else ends it.</summary>
    private void Guard(string key, string id, KeyValue entry)
    {
        var end = new GuardEnd();
        if (_guards.TryAdd((key, id), end))
            _ = DetachedFlow.Start(() => GuardAsync(key, id, entry, end.Token));
    }

    private void EndGuard(string key, string id)
    {
        if (_guards.TryRemove((key, id), out GuardEnd? guard))
            guard.Cancel();
    }

    private async Task GuardAsync(string key, string id, KeyValue entry, CancellationToken ended)
    {
        long seen = entry.ModRevision;
        try
        {
            while (!await _watches.DeletedAsync(entry.Key, seen, ended).ConfigureAwait(false))
            {
                await Task.Delay(Pause, _clock, ended).ConfigureAwait(false);
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
        catch (Exception fault) when (fault is OperationCanceledException or ObjectDisposedException)
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
    }
}
