using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Google.Protobuf;
using Locking.Etcd;

namespace Locking;

/// <summary>Locks as entries of lines in etcd, each with a lease of its own: who came first holds the lock.</summary>
internal sealed partial class EtcdLockStore : ILockStore, IWaitingStore, ILossSignal, IForceReleaseStore, IStoreDiagnostics
{
    internal const string TypeName = "etcd";

    /// <summary>So much of a token stands still while a revision goes by: room for blocks of tokens.</summary>
    private const int TokensPerRevision = 64;

    /// <summary>The longest lease that etcd grants.</summary>
    private const long MostSeconds = 9_000_000_000;

    /// <summary>With this lease a lock without expiry is taken and waited for; then it is let go of it.</summary>
    private static readonly TimeSpan s_provisionalTtl = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(50);
    private readonly ConcurrentDictionary<(string Key, string Id), GuardEnd> _guards = new();
    private readonly EtcdClient _client;
    private readonly EtcdWatches _watches;
    private readonly EtcdKeys _keys;
    private readonly TimeProvider _clock;
    private (long Value, long Revision)? _base;
    private long _leastSeconds = 1;

    public EtcdLockStore(EtcdSettings settings, TimeProvider clock)
    {
        _client = new EtcdClient(settings, clock);
        _watches = new EtcdWatches(_client);
        _keys = new EtcdKeys(settings.KeyPrefix);
        _clock = clock;
    }

    public event Action<StoreLoss>? LeaseLost;

    public string Type => TypeName;

    public async ValueTask<AcquireReply> TryAcquireAsync(AcquireRequest request, CancellationToken cancellationToken) =>
        await EnterAsync(request, queues: false, cancellationToken).ConfigureAwait(false) is { } place
            ? await KeepAsync(request, place, default, cancellationToken).ConfigureAwait(false)
            : AcquireReply.Busy(null);

    public async ValueTask<StoreReply> TryExtendAsync(string key, string holderId, TimeSpan ttl, CancellationToken cancellationToken)
    {
        ByteString entry = _keys.EntryOf(key, holderId);
        for (long tried = 0; ;)
        {
            KeyValue? first = await FirstAsync(key, cancellationToken).ConfigureAwait(false);
            if (first is null || first.Key != entry)
                return first is null ? StoreReply.NotHeld : StoreReply.HeldByAnother;
            if (first.ModRevision == tried)
                return StoreReply.NotHeld; // its lease has ended; etcd is about to remove it
            tried = first.ModRevision;
            long granted = first.Lease == 0 ? long.MaxValue : await KeepAliveAsync(first.Lease, cancellationToken).ConfigureAwait(false);
            if (granted == 0)
                continue;
            if (ttl == Timeout.InfiniteTimeSpan ? first.Lease == 0 : granted == SecondsOf(ttl))
                return StoreReply.Done;
            long lease = ttl == Timeout.InfiniteTimeSpan ? 0 : await GrantAsync(0, ttl, cancellationToken).ConfigureAwait(false);
            if (_guards.TryGetValue((key, holderId), out GuardEnd? guard))
                guard.Lease = 0;
            if (await MoveAsync(first, lease, cancellationToken).ConfigureAwait(false) is not null)
            {
                if (guard is not null)
                    guard.Lease = lease;
                return StoreReply.Done;
            }

            tried = 0;
        }
    }

    public async ValueTask<StoreReply> TryReleaseAsync(string key, string holderId, CancellationToken cancellationToken)
    {
        long lease = EndGuard(key, holderId);
        if (lease != 0 && await RevokeAsync(lease, cancellationToken).ConfigureAwait(false))
            return StoreReply.Done;
        ByteString entry = _keys.EntryOf(key, holderId);
        while (true)
        {
            TxnResponse reply = await TxnAsync([], [EtcdOps.Get(entry), EtcdOps.First(_keys.LineOf(key))], [], cancellationToken)
                .ConfigureAwait(false);
            KeyValue? mine = reply.Found(0), first = reply.Found(1);

            // Where nothing is there a request may be late: it is to find its lease gone.
            if (mine is null)
                await RevokeAsync(EtcdKeys.LeaseOf(key, holderId), cancellationToken).ConfigureAwait(false);
            else if (!await EndAsync(mine, cancellationToken).ConfigureAwait(false))
                continue;
            return first is null ? StoreReply.NotHeld : first.Key == entry ? StoreReply.Done : StoreReply.HeldByAnother;
        }
    }

    public async ValueTask<bool> ForceReleaseAsync(string key, CancellationToken cancellationToken)
    {
        while (await FirstAsync(key, cancellationToken).ConfigureAwait(false) is { } first)
        {
            if (_guards.TryGetValue((key, HolderOf(first).Id), out GuardEnd? guard))
                guard.Reason = LostReason.Forced; // known before the watch tells of it
            if (await EndAsync(first, cancellationToken).ConfigureAwait(false))
                return true;
        }

        return false;
    }

    public async ValueTask<LockInfo?> GetAsync(string key, CancellationToken cancellationToken) =>
        await FirstAsync(key, cancellationToken).ConfigureAwait(false) is { } first
            ? await ReadAsync(key, first, cancellationToken).ConfigureAwait(false)
            : null;

    public ValueTask<IReadOnlyList<StoreFinding>> DiagnoseAsync(CancellationToken cancellationToken = default) =>
        new EtcdExamination(_client).RunAsync(cancellationToken);

    public async IAsyncEnumerable<LockInfo> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        const int Page = 500;
        ByteString start = _keys.StartOf(prefix), end = EtcdKeys.EndOf(start);
        (string Key, KeyValue First)? line = null;
        for (bool more = true; more;)
        {
            var request = new RangeRequest { Key = start, RangeEnd = end, Limit = Page };
            RangeResponse page = await _client.CallAsync((m, o) => m.Kv.RangeAsync(request, o).ResponseAsync, cancellationToken)
                .ConfigureAwait(false);
            more = page.More;
            foreach (KeyValue entry in page.Kvs)
            {
                start = ByteString.CopyFrom([.. entry.Key.Span, 0]);
                if (_keys.KeyOf(entry.Key) is not { } key)
                    continue;
                if (line is { } last && last.Key != key
                    && await ReadAsync(last.Key, last.First, cancellationToken).ConfigureAwait(false) is { } info)
                    yield return info;
                if (line is not { } same || same.Key != key || entry.CreateRevision < same.First.CreateRevision)
                    line = (key, entry);
            }
        }

        if (line is { } final && await ReadAsync(final.Key, final.First, cancellationToken).ConfigureAwait(false) is { } lastInfo)
            yield return lastInfo;
    }

    public ValueTask DisposeAsync()
    {
        foreach ((string key, string id) in _guards.Keys)
            EndGuard(key, id);
        _client.Dispose();
        return ValueTask.CompletedTask;
    }

    private async ValueTask<LockInfo?> ReadAsync(string key, KeyValue entry, CancellationToken stop)
    {
        TimeSpan remaining = Timeout.InfiniteTimeSpan;
        if (entry.Lease != 0)
        {
            var request = new LeaseTimeToLiveRequest { ID = entry.Lease };
            LeaseTimeToLiveResponse reply = await _client.CallAsync((m, o) => m.Leases.LeaseTimeToLiveAsync(request, o).ResponseAsync, stop)
                .ConfigureAwait(false);
            if (reply.TTL < 0)
                return null;
            remaining = TimeSpan.FromSeconds(reply.TTL);
        }

        (string id, string owner) = HolderOf(entry);
        return new LockInfo(key, id, owner, await TokenAsync(entry.CreateRevision, stop).ConfigureAwait(false), remaining);
    }

    /// <summary>Whose entry it is. A stranger, such as etcdctl, says nothing of itself: it is called by its entry's name.</summary>
    private static (string Id, string Owner) HolderOf(KeyValue entry)
    {
        string[] said = entry.Value.ToStringUtf8().Split('\n', 2);
        return said.Length == 2 ? (said[0], said[1]) : (entry.Key.ToStringUtf8().Split('/')[^1], "");
    }

    private async ValueTask<KeyValue?> FirstAsync(string key, CancellationToken stop) =>
        (await TxnAsync([], [EtcdOps.First(_keys.LineOf(key))], [], stop).ConfigureAwait(false)).Found(0);

    private async ValueTask<long> TokenAsync(long created, CancellationToken stop) =>
        (await BaseAsync(stop).ConfigureAwait(false)).Value + (created * TokensPerRevision);

    /// <summary>What all tokens of the cluster begin at: the time, in microseconds, at which the first lock was taken there.</summary>
    private async ValueTask<(long Value, long Revision)> BaseAsync(CancellationToken stop)
    {
        if (_base is { } known)
            return known;
        long now = (_clock.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
        ByteString value = ByteString.CopyFromUtf8($"{Math.Clamp(now, 1, 1L << 52)}");
        TxnResponse reply = await TxnAsync(
            [EtcdOps.CreatedAt(_keys.Base, 0)],
            [EtcdOps.Put(_keys.Base, value, 0), EtcdOps.Get(_keys.Base)],
            [EtcdOps.Get(_keys.Base), EtcdOps.Get(_keys.Base)], stop).ConfigureAwait(false);
        KeyValue stored = reply.Found(1)!;
        if (!long.TryParse(stored.Value.ToStringUtf8(), out long found) || found is < 1 or > 1L << 52)
        {
            throw new LockStoreException($"The key '{_keys.Base.ToStringUtf8()}' of etcd does not hold the base of the tokens.",
                isTransient: false)
            {
                MayHaveBeenApplied = false,
            };
        }

        _base = (found, stored.ModRevision);
        return (found, stored.ModRevision);
    }
}
