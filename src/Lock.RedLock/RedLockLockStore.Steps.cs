using System.Runtime.CompilerServices;

namespace Locking;

/// <summary>Steps that ask every node's store the same.</summary>
public sealed partial class RedLockLockStore
{
    /// <inheritdoc/>
    public async ValueTask<LockInfo?> GetAsync(string key, CancellationToken cancellationToken)
    {
        Begin(cancellationToken);
        var (found, silent, reasons, fault) = await GatherAsync(
            async Task<IReadOnlyList<LockInfo>> (store) =>
                await store.GetAsync(key, cancellationToken).ConfigureAwait(false) is { } info ? [info] : [],
            cancellationToken).ConfigureAwait(false);
        if (_nodes.Count - silent < _quorum)
            throw TooFewAnswers("get", silent, reasons, fault);
        return Merge(found, silent).FirstOrDefault();
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<LockInfo> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(prefix);
        Begin(cancellationToken);
        var (found, silent, reasons, fault) = await GatherAsync(
            async Task<IReadOnlyList<LockInfo>> (store) =>
            {
                var infos = new List<LockInfo>();
                await foreach (var info in store.ListAsync(prefix, cancellationToken).ConfigureAwait(false))
                    infos.Add(info);
                return infos;
            },
            cancellationToken).ConfigureAwait(false);
        if (_nodes.Count - silent < _quorum)
            throw TooFewAnswers("list", silent, reasons, fault);
        foreach (var info in Merge(found, silent))
            yield return info;
    }

    /// <summary>The leases that a majority confirms, or would with the nodes that are silent.</summary>
    private IEnumerable<LockInfo> Merge(List<LockInfo> found, int silent)
    {
        foreach (var lease in found.GroupBy(static info => (info.Key, info.Id)))
        {
            if (lease.Count() + silent < _quorum)
                continue;
            var nodes = lease.ToList();
            var rank = Math.Min(_quorum, nodes.Count) - 1;
            // The token is the one that was fixed on a majority, and the lease lasts while a majority has it.
            yield return nodes[0] with
            {
                Owner = nodes.Select(static info => info.Owner).FirstOrDefault(static owner => owner.Length > 0) ?? "",
                FencingToken = nodes.Select(static info => info.FencingToken).OrderDescending().ElementAt(rank),
                Remaining = nodes.Exists(static info => info.Remaining == TimeSpan.MaxValue)
                    ? Timeout.InfiniteTimeSpan
                    : nodes.Select(static info => info.Remaining).OrderDescending().ElementAt(rank),
            };
        }
    }

    /// <summary>Extends a lease of this process: its majority is that of the votes that were counted (<see cref="QuorumLease"/>).</summary>
    private async ValueTask<StoreReply> ExtendLeaseAsync(
        QuorumLease lease, TimeSpan ttl, Func<ILockStore, ValueTask<StoreReply>> extend, CancellationToken cancellationToken)
    {
        if (lease.IsOver)
            return StoreReply.NotHeld;
        var asked = Asked();
        var ready = ReadyOf(asked, ttl);
        if (ready.Count < _quorum)
            ready = await PrepareAsync("extend", asked, _quorum, ttl, cancellationToken).ConfigureAwait(false);
        var (outcome, replies) = await ExtendOnAsync(lease, asked, ready, ttl, extend, cancellationToken).ConfigureAwait(false);
        if (outcome is null && ready.Count < asked.Count)
        {
            // Those that have to be made ready first are needed after all.
            ready = await PrepareAsync("extend", asked, asked.Count, ttl, cancellationToken).ConfigureAwait(false);
            (outcome, replies) = await ExtendOnAsync(lease, asked, ready, ttl, extend, cancellationToken).ConfigureAwait(false);
        }

        switch (outcome)
        {
            case null:
                throw replies.TooFew("extend", _quorum);
            case StoreReply.Done:
                _leases.Restart(lease, ttl);
                return StoreReply.Done;
            case var lost:
                // For good: what it still has on some nodes, and what may still come there, only keeps others waiting.
                lease.End();
                lease.TakeBackFrom(_nodes);
                return lost.Value;
        }
    }

    /// <summary>One round, in which the answers of those that are ready count. The others are asked as well, so that they do not lose the lease.</summary>
    private async ValueTask<(StoreReply? Outcome, StoreReplies Replies)> ExtendOnAsync(
        QuorumLease lease,
        IReadOnlyList<IQuorumNode> asked,
        IReadOnlyList<IQuorumNode> ready,
        TimeSpan ttl,
        Func<ILockStore, ValueTask<StoreReply>> extend,
        CancellationToken cancellationToken)
    {
        var round = lease.BeginRound();
        var requests = BeginSteps(ready, extend);
        foreach (var node in ready.Count < asked.Count ? asked.Except(ready) : [])
            TaskFaults.Forget(ExtendLateAsync(node, ttl, extend, round));
        var limit = VoteLimit(ttl);
        var replies = await CountAsync("extend", ready, requests, round.IsDecided, limit, cancellationToken, round.ConfirmLate).ConfigureAwait(false);
        return (await ConcludeAsync(round, replies, limit, cancellationToken).ConfigureAwait(false), replies);
    }

    private static async Task ExtendLateAsync(IQuorumNode node, TimeSpan ttl, Func<ILockStore, ValueTask<StoreReply>> extend, LeaseRound round)
    {
        await node.PrepareAsync(ttl, CancellationToken.None).ConfigureAwait(false);
        if (await extend(node.Store).ConfigureAwait(false) == StoreReply.Done)
            round.ConfirmLate(node.Index);
    }

    private async ValueTask<StoreReply?> ConcludeAsync(LeaseRound round, StoreReplies replies, TimeSpan limit, CancellationToken cancellationToken) =>
        round.Conclude(replies.ByNode, await ForgotAsync(round.Suspicious(replies.ByNode), limit, cancellationToken).ConfigureAwait(false));

    /// <summary>Which of these nodes have lost their memory, and so do not vote for anybody.</summary>
    private async ValueTask<IReadOnlyCollection<int>> ForgotAsync(IReadOnlyList<int> nodes, TimeSpan limit, CancellationToken cancellationToken)
    {
        if (nodes.Count == 0)
            return [];
        var ballot = await Ballot<object>.HoldAsync(
            [.. nodes.Select(async Task<object> (node) => await _nodes[node].HasForgottenAsync(CancellationToken.None).ConfigureAwait(false))],
            static (_, _) => false,
            limit,
            _time,
            cancellationToken).ConfigureAwait(false);
        return [.. nodes.Where((_, i) => ballot.Answers[i] is true)];
    }

    private Task<StoreReplies> AskStoresAsync(
        string step, IReadOnlyList<IQuorumNode> asked, TimeSpan limit, Func<ILockStore, ValueTask<StoreReply>> ask, CancellationToken cancellationToken) =>
        CountAsync(
            step, asked, BeginSteps(asked, ask), (replies, _) => replies.Count(static reply => reply == StoreReply.Done) >= _quorum, limit, cancellationToken);

    private static Task<object>[] BeginSteps(IReadOnlyList<IQuorumNode> asked, Func<ILockStore, ValueTask<StoreReply>> ask) =>
        [.. asked.Select(async Task<object> (node) => await ask(node.Store).ConfigureAwait(false))];

    /// <summary>The answers to steps that were begun.</summary>
    /// <param name="step">The step, for messages.</param>
    /// <param name="asked">Who is asked.</param>
    /// <param name="requests">The steps.</param>
    /// <param name="decides">Whether the answers by node so far decide, given how many are missing.</param>
    /// <param name="limit">The longest wait.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <param name="doneLate">Told of each node whose step was done when it was not waited for any more.</param>
    private async Task<StoreReplies> CountAsync(
        string step,
        IReadOnlyList<IQuorumNode> asked,
        Task<object>[] requests,
        Func<StoreReply?[], int, bool> decides,
        TimeSpan limit,
        CancellationToken cancellationToken,
        Action<int>? doneLate = null)
    {
        var ballot = await Ballot<object>.HoldAsync(
            requests,
            (answers, missing) => decides(ByNode(asked, answers), missing),
            limit,
            _time,
            cancellationToken,
            (i, answer) =>
            {
                if (answer is StoreReply.Done)
                    doneLate?.Invoke(asked[i].Index);
            }).ConfigureAwait(false);
        var reasons = new List<string>();
        for (var i = 0; i < asked.Count; i++)
        {
            if (ballot.Answers[i] is null)
                reasons.Add((ballot.Faults[i] as LockStoreException)?.Message ?? $"{asked[i].Name} did not answer in time ({step})");
        }

        return new StoreReplies(
            ByNode(asked, ballot.Answers),
            [.. reasons],
            !ballot.Faults.Any(static fault => fault is LockStoreException { IsTransient: false }),
            ballot.Faults.FirstOrDefault(static fault => fault is LockStoreException));
    }

    private StoreReply?[] ByNode(IReadOnlyList<IQuorumNode> asked, IReadOnlyList<object?> answers)
    {
        var replies = new StoreReply?[_nodes.Count];
        for (var i = 0; i < asked.Count; i++)
            replies[asked[i].Index] = (StoreReply?)answers[i];
        return replies;
    }

    private async Task<(List<LockInfo> Found, int Silent, string[] Reasons, Exception? Fault)> GatherAsync(
        Func<ILockStore, Task<IReadOnlyList<LockInfo>>> ask, CancellationToken cancellationToken)
    {
        var asked = Asked();
        var ballot = await Ballot<IReadOnlyList<LockInfo>>.HoldAsync(
            [.. asked.Select(node => ask(node.Store))], static (_, _) => false, _connectTimeout, _time, cancellationToken).ConfigureAwait(false);
        return (
            [.. ballot.Answers.Where(static answer => answer is not null).SelectMany(static answer => answer!)],
            _nodes.Count - ballot.Answers.Count(static answer => answer is not null),
            [.. ballot.Faults.OfType<LockStoreException>().Select(static fault => fault.Message)],
            ballot.Faults.FirstOrDefault(static fault => fault is LockStoreException));
    }

    private LockStoreException TooFewAnswers(string step, int silent, string[] reasons, Exception? fault) => new(
        $"{_nodes.Count - silent} of {_nodes.Count} nodes answered, {_quorum} are needed ({step}): {string.Join("; ", reasons)}", isTransient: true, fault);
}
