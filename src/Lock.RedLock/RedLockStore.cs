using System.Runtime.CompilerServices;

namespace Locking;

/// <summary>Locks on a quorum of independent Redis servers: a lease counts when a majority of them gave it.</summary>
/// <remarks>
/// <para>Any minority of the servers may be down, frozen, slow, cut off or restarted without their data, at any time, without a second
/// holder and without more than the wait for a node. A server that restarted does not vote until the longest lease has ended.</para>
/// <para>The fencing token is fixed on a majority before the grant is answered, so that the next grant, whatever majority gives it, has a
/// higher one. A token that is proposed with the vote makes that one round; only servers that disagree take a second.</para>
/// <para>Not promised: order between processes; anything at all when a majority has lost its memory at once.</para>
/// </remarks>
public sealed class RedLockStore : ILockStore, IReleaseSignal, ILossSignal, IForceReleaseStore, IStoreDiagnostics
{
    /// <summary>Why a ttl of null is refused, in the configuration and in a call.</summary>
    internal const string NoExpiryRefused =
        "must be a time for redLock: a lock without expiry could never be settled after a node was lost.";

    private readonly QuorumNodes _nodes;
    private readonly QuorumLeases _leases;
    private readonly Election _election;
    private readonly StoreSteps _steps;
    private readonly LeaseExtension _extension;
    private readonly QuorumListing _listing;
    private readonly ForcedLosses _losses;
    private readonly LockOptions _options;
    private readonly Action<TimeSpan> _covers;
    private readonly IDisposable _owned;
    private readonly CancellationTokenSource _disposing = new();

    /// <summary>Locks on these nodes.</summary>
    /// <param name="nodes">The nodes; disposed of with the store.</param>
    /// <param name="options">How locks are taken.</param>
    /// <param name="covers">Told of the length of each lease that is asked for.</param>
    /// <param name="owned">Disposed of with the store.</param>
    internal RedLockStore(QuorumNodes nodes, LockOptions options, Action<TimeSpan> covers, IDisposable owned)
    {
        _nodes = nodes;
        _options = options;
        _covers = covers;
        _owned = owned;
        _leases = new QuorumLeases(nodes.Time);
        _election = new Election(nodes, _leases);
        _steps = new StoreSteps(nodes);
        _extension = new LeaseExtension(nodes, _leases, _steps);
        _listing = new QuorumListing(nodes);
        _losses = new ForcedLosses(nodes);
    }

    /// <summary>Raised for every lock of this format and prefix that somebody takes away by force on so many nodes that no majority is
    /// left.</summary>
    public event Action<StoreLoss>? LeaseLost
    {
        add => _losses.Add(value);
        remove => _losses.Remove(value);
    }

    /// <inheritdoc/>
    public string Type => "redLock";

    internal IReadOnlyList<IQuorumNode> Nodes => _nodes.All;

    internal QuorumLeases Leases => _leases;

    /// <inheritdoc/>
    public ValueTask<AcquireReply> TryAcquireAsync(AcquireRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        Begin(cancellationToken);
        RefuseNoExpiry(request.Ttl);
        _covers(request.Ttl);
        return _election.RunAsync(request, cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask<StoreReply> TryExtendAsync(string key, string holderId, TimeSpan ttl, CancellationToken cancellationToken)
    {
        Begin(cancellationToken);
        RefuseNoExpiry(ttl);
        _covers(ttl);
        ValueTask<StoreReply> ExtendAsync(ILockStore store) => store.TryExtendAsync(key, holderId, ttl, CancellationToken.None);
        if (_leases.Find(holderId) is { IsGranted: true } lease)
            return await _extension.RunAsync(lease, ttl, ExtendAsync, cancellationToken).ConfigureAwait(false);
        // Of another process: nothing is known here of its votes.
        IReadOnlyList<IQuorumNode> asked = _nodes.Asked();
        IReadOnlyList<IQuorumNode> ready = QuorumNodes.ReadyOf(asked, ttl);
        if (ready.Count < asked.Count)
            ready = await _nodes.PrepareAsync("extend", asked, asked.Count, ttl, cancellationToken).ConfigureAwait(false);
        StoreReplies replies = await _steps.AskAsync(
            "extend", ready, _nodes.LimitFor(ttl), ExtendAsync, cancellationToken).ConfigureAwait(false);
        return replies.Conclude(StoreReply.Done, _nodes.Needed) ?? throw replies.TooFew("extend", _nodes.Needed);
    }

    /// <inheritdoc/>
    public async ValueTask<StoreReply> TryReleaseAsync(string key, string holderId, CancellationToken cancellationToken)
    {
        Begin(cancellationToken);
        QuorumLease? lease = _leases.End(holderId);
        // Whoever has not answered lately is not asked; a vote that it may still give is taken back all the same.
        IReadOnlyList<IQuorumNode> asked = _nodes.Asked();
        if (asked.Count < _nodes.Count)
            lease?.TakeBackFrom(_nodes.All.Except(asked));
        var round = new ReleaseRound(asked, _nodes.Needed);
        round.Limit(_nodes.ConnectTimeout, _nodes.Alarms, cancellationToken);
        round.Ask(key, holderId, lease?.Paper);
        await round.End.ConfigureAwait(false);
        if (round.IsDone)
            return StoreReply.Done;
        StoreReplies replies = _steps.Of("release", asked, round);
        return replies.ConcludeRelease(_nodes.Needed) ?? throw replies.TooFew("release", _nodes.Needed);
    }

    /// <inheritdoc/>
    public async ValueTask<bool> ForceReleaseAsync(string key, CancellationToken cancellationToken)
    {
        Begin(cancellationToken);
        StoreReplies replies = await _steps.AskAsync(
            "force",
            _nodes.Asked(),
            _nodes.ConnectTimeout,
            async store => await ((IForceReleaseStore)store).ForceReleaseAsync(key, CancellationToken.None).ConfigureAwait(false)
                ? StoreReply.Done
                : StoreReply.NotHeld,
            cancellationToken).ConfigureAwait(false);
        return replies.ConcludeRelease(_nodes.Needed) is { } reply
            ? reply == StoreReply.Done
            : throw replies.TooFew("force", _nodes.Needed);
    }

    /// <inheritdoc/>
    public async ValueTask<LockInfo?> GetAsync(string key, CancellationToken cancellationToken)
    {
        Begin(cancellationToken);
        return await _listing.GetAsync(key, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<LockInfo> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(prefix);
        Begin(cancellationToken);
        foreach (LockInfo info in await _listing.ListAsync(prefix, cancellationToken).ConfigureAwait(false))
            yield return info;
    }

    /// <inheritdoc/>
    public async ValueTask<IReleaseWatch> WatchAsync(string key, CancellationToken cancellationToken)
    {
        Begin(cancellationToken);
        return await QuorumWatch.BeginAsync(_nodes, key, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Asks all servers how they are set up, over connections of its own, which are closed again. A server that does not answer is
    /// a finding, and no failure.</summary>
    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<StoreFinding>> DiagnoseAsync(CancellationToken cancellationToken = default)
    {
        Begin(cancellationToken);
        NodeReport[] reports = await QuorumInspection.ReadAsync(
            [.. _nodes.All.Select(static node => (RedisLockStore)node.Store)], cancellationToken).ConfigureAwait(false);
        return QuorumDiagnosis.Of(reports, _nodes.Needed, _nodes.LimitFor(_options.Ttl ?? TimeSpan.FromSeconds(30)));
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_disposing.IsCancellationRequested)
            return;
        await _disposing.CancelAsync().ConfigureAwait(false);
        foreach (IQuorumNode node in _nodes.All)
            await node.DisposeAsync().ConfigureAwait(false);
        _owned.Dispose();
    }

    private void Begin(CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposing.IsCancellationRequested, typeof(RedLockStore));
        cancellationToken.ThrowIfCancellationRequested();
    }

    /// <summary>No parameter is named: whoever reads this has set an option of a call, and knows of no request.</summary>
    private static void RefuseNoExpiry(TimeSpan ttl)
    {
        if (ttl == Timeout.InfiniteTimeSpan)
            throw new ArgumentException($"lockOptions.ttl {NoExpiryRefused}");
    }
}
