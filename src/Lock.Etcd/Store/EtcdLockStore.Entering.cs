using Google.Protobuf;
using Locking.Etcd;

namespace Locking;

/// <content>A place in a lock's line.</content>
internal sealed partial class EtcdLockStore
{
    public async ValueTask<AcquireReply> AcquireAsync(AcquireRequest request, TimeSpan atMost, CancellationToken cancellationToken)
    {
        if (atMost == TimeSpan.Zero)
            return await TryAcquireAsync(request, cancellationToken).ConfigureAwait(false);
        long began = _clock.GetTimestamp();
        while (true)
        {
            Place? place = await EnterAsync(request, queues: true, cancellationToken).ConfigureAwait(false);
            try
            {
                long? fresh = place!.IsFirst ? place.FreshSince : null;
                if (fresh is null)
                {
                    request.Progress?.OnQueued();
                    fresh = await WaitInLineAsync(place, began, atMost, cancellationToken).ConfigureAwait(false);
                }

                if (fresh is { } since)
                {
                    AcquireReply reply = await KeepAsync(request, place, _clock.GetElapsedTime(began, since), cancellationToken)
                        .ConfigureAwait(false);
                    place = null;
                    return reply;
                }

                // Not in the background: whoever asks next must not meet this place, nor lose the next one to a late request.
                await RevokeQuietlyAsync(place.Entry.Lease).ConfigureAwait(false);
                place = null;
                if (atMost != Timeout.InfiniteTimeSpan && _clock.GetElapsedTime(began) >= atMost)
                    return AcquireReply.Busy(null);
            }
            finally
            {
                if (place is not null)
                    RevokeLater(place.Entry.Lease);
            }
        }
    }

    /// <summary>Waits until nobody stands before this place any more, which is kept alive meanwhile.</summary>
    /// <returns>Since when the lease is fresh; null: the time is up, or the place is lost.</returns>
    private async ValueTask<long?> WaitInLineAsync(Place place, long began, TimeSpan atMost, CancellationToken stop)
    {
        KeyValue entry = place.Entry;
        while (true)
        {
            try
            {
                long asked = _clock.GetTimestamp();
                Task<long> keeping = KeepAliveAsync(entry.Lease, stop).AsTask();
                Task<TxnResponse> reading =
                    TxnAsync([], [EtcdOps.Get(entry.Key), EtcdOps.Before(place.Line, entry.CreateRevision)], [], stop).AsTask();
                await Task.WhenAll(keeping, reading).ConfigureAwait(false);
                TxnResponse line = await reading.ConfigureAwait(false);
                if (await keeping.ConfigureAwait(false) == 0 || line.Found(0)?.ModRevision != entry.ModRevision)
                    return null;
                if (line.Found(1) is not { } before)
                    return asked;
                TimeSpan left = atMost == Timeout.InfiniteTimeSpan ? TimeSpan.MaxValue : atMost - _clock.GetElapsedTime(began);
                if (left <= TimeSpan.Zero)
                    return null;
                await DeletedAsync(before.Key, line.Header.Revision, left < place.KeepEvery ? left : place.KeepEvery, stop)
                    .ConfigureAwait(false);
            }
            catch (LockStoreException exception) when (exception.IsTransient)
            {
                await Task.Delay(s_pause, _clock, stop).ConfigureAwait(false);
            }
        }
    }

    private async ValueTask DeletedAsync(ByteString key, long after, TimeSpan atMost, CancellationToken stop)
    {
        using var end = new CallLimit(atMost, _clock, stop);
        try
        {
            if (!await _watches.DeletedAsync(key, after, end.Token).ConfigureAwait(false))
                await Task.Delay(s_pause, _clock, end.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            // Time to keep the place alive, or the time is up.
        }
    }

    /// <summary>Takes a place in the line, or the place that this holder has, with a fresh lease.</summary>
    /// <param name="request">For whom.</param>
    /// <param name="queues">Whether to stand in line; else only where nobody does.</param>
    /// <param name="stop">Leaves the outcome unknown.</param>
    /// <returns>The place; null when somebody else has the lock, and the holder does not queue.</returns>
    private async ValueTask<Place?> EnterAsync(AcquireRequest request, bool queues, CancellationToken stop)
    {
        ByteString line = _keys.LineOf(request.Key), entry = _keys.EntryOf(request.Key, request.HolderId);
        ByteString value = ByteString.CopyFromUtf8($"{request.HolderId}\n{request.Owner}");
        TimeSpan ttl = request.Ttl == Timeout.InfiniteTimeSpan ? s_provisionalTtl : request.Ttl;
        long fresh = _clock.GetTimestamp();
        long lease = await GrantAsync(EtcdKeys.LeaseOf(request.Key, request.HolderId), ttl, stop).ConfigureAwait(false);
        while (true)
        {
            (_, long based) = await BaseAsync(stop).ConfigureAwait(false);
            TxnResponse reply = await TxnAsync(
                [EtcdOps.WrittenAt(_keys.Base, based), queues ? EtcdOps.CreatedAt(entry, 0) : EtcdOps.Nothing(line)],
                [EtcdOps.Put(entry, value, lease), EtcdOps.First(line)],
                [EtcdOps.Get(_keys.Base), EtcdOps.Get(entry), EtcdOps.First(line)], stop).ConfigureAwait(false);
            KeyValue? first = reply.Found(reply.Succeeded ? 1 : 2), mine = reply.Succeeded ? null : reply.Found(1);
            if (reply.Succeeded)
            {
                long now = reply.Header.Revision;
                mine = new KeyValue { Key = entry, Value = value, Lease = lease, CreateRevision = now, ModRevision = now };
            }
            else if (reply.Found(0)?.ModRevision != based)
            {
                _base = null; // the cluster has forgotten all it knew
                continue;
            }
            else if (!queues && first?.Key != entry)
            {
                RevokeLater(lease);
                return null;
            }
            else
            {
                mine = mine is null ? null : await MoveAsync(mine, lease, stop).ConfigureAwait(false);
            }

            if (mine is null)
                return await EnterAsync(request, queues, stop).ConfigureAwait(false); // it was ended or moved meanwhile
            return new Place(line, mine, first!.Key == entry, fresh, TimeSpan.FromSeconds(SecondsOf(ttl)) / 3);
        }
    }

    /// <summary>Makes the place a grant: without a lease where it is not to expire, and guarded.</summary>
    private async ValueTask<AcquireReply> KeepAsync(AcquireRequest request, Place place, TimeSpan queuedFor, CancellationToken stop)
    {
        KeyValue? entry = request.Ttl == Timeout.InfiniteTimeSpan
            ? await MoveAsync(place.Entry, 0, stop).ConfigureAwait(false)
            : place.Entry;
        if (entry is null)
            return AcquireReply.Busy(TimeSpan.Zero);
        long token = await TokenAsync(entry.CreateRevision, stop).ConfigureAwait(false);
        Guard(request.Key, request.HolderId, entry);
        return AcquireReply.Granted(token, queuedFor);
    }

    /// <summary>A place in a line.</summary>
    /// <param name="Line">The line.</param>
    /// <param name="Entry">What was written.</param>
    /// <param name="IsFirst">Whether nobody stood before it.</param>
    /// <param name="FreshSince">When its lease was asked for.</param>
    /// <param name="KeepEvery">How often a waiter keeps it alive.</param>
    private sealed record Place(ByteString Line, KeyValue Entry, bool IsFirst, long FreshSince, TimeSpan KeepEvery);
}
