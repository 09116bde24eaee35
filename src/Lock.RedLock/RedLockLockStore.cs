namespace Locking;

/// <summary>Locks on a quorum of independent Redis servers: a lease counts when a majority of them gave it.</summary>
/// <remarks>
/// <para>Any minority of the servers may be down, frozen, slow, cut off or restarted without their data, at any time, without a second
/// holder and without more than the wait for a node. A server that restarted does not vote until the longest lease has ended.</para>
/// <para>The fencing token is fixed on a majority before the grant is answered, so that the next grant, whatever majority gives it, has a
/// higher one. A token that is proposed with the vote makes that one round; only servers that disagree take a second.</para>
/// <para>Not promised: order between processes; anything at all when a majority has lost its memory at once.</para>
/// </remarks>
public sealed partial class RedLockLockStore : ILockStore, IReleaseSignal, IForceReleaseStore
{
    /// <summary>Why a ttl of null is refused, in the configuration and in a call.</summary>
    internal const string NoExpiryRefused = "must be a time for redLock: a lock without expiry could never be settled after a node was lost.";

    private static readonly TimeSpan s_shortestNodeTimeout = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan s_longestNodeTimeout = TimeSpan.FromDays(40);

    private readonly IReadOnlyList<IQuorumNode> _nodes;
    private readonly RedLockSettings _settings;
    private readonly LockOptions _options;
    private readonly TimeProvider _time;
    private readonly TimeSpan _connectTimeout;
    private readonly Action<TimeSpan> _covers;
    private readonly IDisposable _owned;
    private readonly CancellationTokenSource _disposing = new();
    private readonly QuorumLeases _leases;
    private readonly int _quorum;

    internal RedLockLockStore(
        IReadOnlyList<IQuorumNode> nodes,
        RedLockSettings settings,
        LockOptions options,
        TimeProvider time,
        TimeSpan connectTimeout,
        Action<TimeSpan> covers,
        IDisposable owned)
    {
        _nodes = nodes;
        _settings = settings;
        _options = options;
        _time = time;
        _connectTimeout = connectTimeout;
        _covers = covers;
        _owned = owned;
        _leases = new QuorumLeases(time);
        _quorum = Math.Max(settings.Quorum ?? 0, (nodes.Count / 2) + 1);
    }

    /// <inheritdoc/>
    public string Type => "redLock";

    internal IReadOnlyList<IQuorumNode> Nodes => _nodes;

    internal QuorumLeases Leases => _leases;

    /// <inheritdoc/>
    public async ValueTask<AcquireReply> TryAcquireAsync(AcquireRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        Begin(cancellationToken);
        RefuseNoExpiry(request.Ttl);
        _covers(request.Ttl);

        var asked = Asked();
        var ready = ReadyOf(asked, request.Ttl);
        if (ready.Count < _quorum)
            return await AskAllAsync(request, asked, cancellationToken).ConfigureAwait(false);
        try
        {
            return await AskAsync(request, asked, ready, VoteLimit(request.Ttl), cancellationToken).ConfigureAwait(false);
        }
        catch (LockStoreException fault) when (fault.IsTransient && ready.Count < asked.Count)
        {
            // Those that have to be made ready first are needed after all.
            try
            {
                return await AskAllAsync(request, asked, cancellationToken).ConfigureAwait(false);
            }
            catch (LockStoreException again) when (fault.MayHaveBeenApplied && !again.MayHaveBeenApplied)
            {
                throw new LockStoreException(again.Message, again.IsTransient, again.InnerException) { MayHaveBeenApplied = true };
            }
        }
    }

    /// <inheritdoc/>
    public async ValueTask<StoreReply> TryExtendAsync(string key, string holderId, TimeSpan ttl, CancellationToken cancellationToken)
    {
        Begin(cancellationToken);
        RefuseNoExpiry(ttl);
        _covers(ttl);
        ValueTask<StoreReply> ExtendAsync(ILockStore store) => store.TryExtendAsync(key, holderId, ttl, CancellationToken.None);
        if (_leases.Find(holderId) is { IsGranted: true } lease)
            return await ExtendLeaseAsync(lease, ttl, ExtendAsync, cancellationToken).ConfigureAwait(false);
        // Of another process: nothing is known here of its votes.
        var asked = Asked();
        var ready = ReadyOf(asked, ttl);
        if (ready.Count < asked.Count)
            ready = await PrepareAsync("extend", asked, asked.Count, ttl, cancellationToken).ConfigureAwait(false);
        var replies = await AskStoresAsync("extend", ready, VoteLimit(ttl), ExtendAsync, cancellationToken).ConfigureAwait(false);
        return replies.Conclude(StoreReply.Done, _quorum) ?? throw replies.TooFew("extend", _quorum);
    }

    /// <inheritdoc/>
    public async ValueTask<StoreReply> TryReleaseAsync(string key, string holderId, CancellationToken cancellationToken)
    {
        Begin(cancellationToken);
        var lease = _leases.End(holderId);
        // Whoever has not answered lately is not asked; a vote that it may still give is taken back all the same.
        var asked = Asked();
        if (asked.Count < _nodes.Count)
            lease?.TakeBackFrom(_nodes.Except(asked));
        var replies = await AskStoresAsync(
            "release",
            asked,
            _connectTimeout,
            store => store.TryReleaseAsync(key, holderId, CancellationToken.None),
            cancellationToken).ConfigureAwait(false);
        return replies.ConcludeRelease(_quorum) ?? throw replies.TooFew("release", _quorum);
    }

    /// <inheritdoc/>
    public async ValueTask<bool> ForceReleaseAsync(string key, CancellationToken cancellationToken)
    {
        Begin(cancellationToken);
        var replies = await AskStoresAsync(
            "force",
            Asked(),
            _connectTimeout,
            async store => await ((IForceReleaseStore)store).ForceReleaseAsync(key, CancellationToken.None).ConfigureAwait(false)
                ? StoreReply.Done
                : StoreReply.NotHeld,
            cancellationToken).ConfigureAwait(false);
        return replies.ConcludeRelease(_quorum) is { } reply ? reply == StoreReply.Done : throw replies.TooFew("force", _quorum);
    }

    /// <inheritdoc/>
    public async ValueTask<IReleaseWatch> WatchAsync(string key, CancellationToken cancellationToken)
    {
        Begin(cancellationToken);
        return await QuorumWatch.BeginAsync(
            [.. _nodes.Select(node => (IReleaseSignal)node.Store)], key, _quorum, _connectTimeout, _time, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_disposing.IsCancellationRequested)
            return;
        await _disposing.CancelAsync().ConfigureAwait(false);
        foreach (var node in _nodes)
            await node.DisposeAsync().ConfigureAwait(false);
        _owned.Dispose();
    }

    private void Begin(CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposing.IsCancellationRequested, typeof(RedLockLockStore));
        cancellationToken.ThrowIfCancellationRequested();
    }

    /// <summary>No parameter is named: whoever reads this has set an option of a call, and knows of no request.</summary>
    private static void RefuseNoExpiry(TimeSpan ttl)
    {
        if (ttl == Timeout.InfiniteTimeSpan)
            throw new ArgumentException($"lockOptions.ttl {NoExpiryRefused}");
    }

    /// <summary>The token to agree on: this machine's microseconds.</summary>
    private long Proposal() => (_time.GetUtcNow().Ticks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;

    /// <summary>How long the answers of nodes are waited for that are ready.</summary>
    private TimeSpan VoteLimit(TimeSpan ttl)
    {
        var limit = _settings.NodeTimeout ?? ttl / 100;
        return limit < s_shortestNodeTimeout && _settings.NodeTimeout is null ? s_shortestNodeTimeout : limit < s_longestNodeTimeout ? limit : s_longestNodeTimeout;
    }

    /// <summary>Whom to ask: those that answer, as long as they can decide, else everybody.</summary>
    private IReadOnlyList<IQuorumNode> Asked()
    {
        var answering = 0;
        foreach (var node in _nodes)
        {
            if (!node.IsSuspect)
                answering++;
        }

        return answering == _nodes.Count || answering < _quorum ? _nodes : [.. _nodes.Where(static node => !node.IsSuspect)];
    }
}
