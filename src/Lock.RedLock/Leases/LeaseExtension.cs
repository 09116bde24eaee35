namespace Locking;

/// <summary>Extends leases of this process: the majority of each is that of the votes that were counted
/// (<see cref="QuorumLease"/>).</summary>
internal sealed class LeaseExtension(QuorumNodes nodes, QuorumLeases leases, StoreSteps steps)
{
    private const string Step = "extend";

    /// <summary>Extends one.</summary>
    /// <exception cref="LockStoreException">Too few nodes answered to tell.</exception>
    public async ValueTask<StoreReply> RunAsync(
        QuorumLease lease, TimeSpan ttl, Func<ILockStore, ValueTask<StoreReply>> extend, CancellationToken cancellationToken)
    {
        if (lease.IsOver)
            return StoreReply.NotHeld;
        IReadOnlyList<IQuorumNode> asked = nodes.Asked();
        IReadOnlyList<IQuorumNode> ready = QuorumNodes.ReadyOf(asked, ttl);
        if (ready.Count < nodes.Needed)
            ready = await nodes.PrepareAsync(Step, asked, nodes.Needed, ttl, cancellationToken).ConfigureAwait(false);
        (StoreReply? outcome, StoreReplies replies) =
            await RunRoundAsync(lease, asked, ready, ttl, extend, cancellationToken).ConfigureAwait(false);
        if (outcome is null && ready.Count < asked.Count)
        {
            // Those that have to be made ready first are needed after all.
            ready = await nodes.PrepareAsync(Step, asked, asked.Count, ttl, cancellationToken).ConfigureAwait(false);
            (outcome, replies) = await RunRoundAsync(lease, asked, ready, ttl, extend, cancellationToken).ConfigureAwait(false);
        }

        switch (outcome)
        {
            case null:
                throw replies.TooFew(Step, nodes.Needed);
            case StoreReply.Done:
                leases.Restart(lease, ttl);
                return StoreReply.Done;
            case StoreReply lost:
                // For good: what it still has on some nodes, and what may still come there, only keeps others waiting.
                lease.End();
                lease.TakeBackFrom(nodes.All);
                return lost;
        }
    }

    /// <summary>One round, in which the answers of those that are ready count. The others are asked as well, so that they do not lose the
    /// lease.</summary>
    private async ValueTask<(StoreReply? Outcome, StoreReplies Replies)> RunRoundAsync(
        QuorumLease lease,
        IReadOnlyList<IQuorumNode> asked,
        IReadOnlyList<IQuorumNode> ready,
        TimeSpan ttl,
        Func<ILockStore, ValueTask<StoreReply>> extend,
        CancellationToken cancellationToken)
    {
        LeaseRound round = lease.BeginRound();
        Task<object>[] requests = StoreSteps.Begin(ready, extend);
        foreach (IQuorumNode node in ready.Count < asked.Count ? asked.Except(ready) : [])
            TaskFaults.Forget(ExtendLateAsync(node, ttl, extend, round));
        TimeSpan limit = nodes.LimitFor(ttl);
        StoreReplies replies = await steps.CountAsync(
            Step, ready, requests, round.IsDecided, limit, cancellationToken, round.ConfirmLate).ConfigureAwait(false);
        return (await ConcludeAsync(round, replies, limit, cancellationToken).ConfigureAwait(false), replies);
    }

    private static async Task ExtendLateAsync(
        IQuorumNode node, TimeSpan ttl, Func<ILockStore, ValueTask<StoreReply>> extend, LeaseRound round)
    {
        await node.PrepareAsync(ttl, CancellationToken.None).ConfigureAwait(false);
        node.Flush();
        if (await extend(node.Store).ConfigureAwait(false) == StoreReply.Done)
            round.ConfirmLate(node.Index);
    }

    private async ValueTask<StoreReply?> ConcludeAsync(
        LeaseRound round, StoreReplies replies, TimeSpan limit, CancellationToken cancellationToken)
    {
        IReadOnlyCollection<int> forgot = await ForgotAsync(
            round.Suspicious(replies.ByNode), limit, cancellationToken).ConfigureAwait(false);
        return round.Conclude(replies.ByNode, forgot);
    }

    /// <summary>Which of these nodes have lost their memory, and so do not vote for anybody.</summary>
    private async ValueTask<IReadOnlyCollection<int>> ForgotAsync(
        IReadOnlyList<int> suspicious, TimeSpan limit, CancellationToken cancellationToken)
    {
        if (suspicious.Count == 0)
            return [];
        Ballot<object> ballot = await TaskBallot<object>.HoldAsync(
            [.. suspicious.Select(async Task<object> (node) =>
                await nodes.All[node].HasForgottenAsync(CancellationToken.None).ConfigureAwait(false))],
            static (_, _) => false,
            limit,
            nodes.Alarms,
            cancellationToken).ConfigureAwait(false);
        return [.. suspicious.Where((_, i) => ballot.Answers[i] is true)];
    }
}
