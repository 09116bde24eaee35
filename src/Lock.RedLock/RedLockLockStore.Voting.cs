namespace Locking;

/// <summary>What becomes of the votes for a holder.</summary>
public sealed partial class RedLockLockStore
{
    private static readonly TimeSpan s_shortestSplitPause = TimeSpan.FromMilliseconds(2);
    private static readonly TimeSpan s_insistPause = TimeSpan.FromMilliseconds(1);

    /// <summary>Contenders withdraw within a few round trips; who does not is a holder with a node of its majority down.</summary>
    private static readonly TimeSpan s_longestInsisting = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan s_longestSplitPause = TimeSpan.FromMilliseconds(25);

    /// <summary>Asks everybody for a vote, with the time that those need who have to be made ready first.</summary>
    private async ValueTask<AcquireReply> AskAllAsync(AcquireRequest request, IReadOnlyList<IQuorumNode> asked, CancellationToken cancellationToken)
    {
        var ready = await PrepareAsync("acquire", asked, _quorum, request.Ttl, cancellationToken).ConfigureAwait(false);
        var limit = VoteLimit(request.Ttl);
        return await AskAsync(request, asked, ready, limit < _connectTimeout ? _connectTimeout : limit, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Asks for votes.</summary>
    /// <remarks>
    /// The votes of those that are ready are counted. The others go on voting for a lease that was granted, until it is released: a lease on
    /// a bare majority would not survive the next node. They are not counted, for what they put on record came behind the votes of the rest.
    /// </remarks>
    private async ValueTask<AcquireReply> AskAsync(
        AcquireRequest request, IReadOnlyList<IQuorumNode> asked, IReadOnlyList<IQuorumNode> ready, TimeSpan limit, CancellationToken cancellationToken)
    {
        var lease = _leases.Begin(request, _nodes.Count, _quorum);
        var proposed = Proposal();
        var votes = new Task<Vote>[ready.Count];
        for (var i = 0; i < votes.Length; i++)
            votes[i] = ready[i].VoteAsync(request, proposed, lease.Ask(ready[i]));
        for (var i = 0; ready.Count < asked.Count && i < asked.Count; i++)
        {
            if (!ready.Contains(asked[i]))
                TaskFaults.Forget(AskLateAsync(asked[i], request, proposed, lease));
        }

        try
        {
            var ballot = await Ballot<Vote>.HoldAsync(
                votes, Decides, limit, _time, cancellationToken, (i, vote) => lease.VoteLate(ready[i], vote)).ConfigureAwait(false);
            return await ConcludeAsync(request, ready, ballot, limit, lease, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            _leases.End(lease);
            if (exception is OperationCanceledException)
                _ = WithdrawAsync(ready, request, ballot: null, lease);
            throw;
        }
    }

    private static async Task AskLateAsync(IQuorumNode node, AcquireRequest request, long proposed, QuorumLease lease) =>
        lease.VoteLate(node, await node.VoteAsync(request, proposed, lease.Ask(node)).ConfigureAwait(false));

    /// <summary>Whether the votes so far decide. Nodes that were not asked are as good as silent.</summary>
    private bool Decides(IReadOnlyList<Vote?> votes, int missing)
    {
        int yes = 0, before = 0, no = 0;
        string? holder = null;
        var isSplit = false;
        foreach (var vote in votes)
        {
            if (vote is { Kind: VoteKind.Granted })
            {
                yes++;
                if (vote.HeldBefore)
                    before++;
            }
            else if (vote is { Kind: VoteKind.Busy })
            {
                no++;
                holder ??= vote.HolderId;
                isSplit |= vote.HolderId != holder && !vote.IsStranger;
            }
        }

        // Asked again for a lease that stands: a majority that has it already tells its token, a mixed one does not.
        if (yes >= _quorum)
            return before == 0 || before >= _quorum;
        if (yes + no + missing < _quorum)
            return true;

        // Votes that went to several contenders: one of those with a vote must stay, so that somebody gets the lock, and whose own vote is
        // the last to come is to know that it has one.
        return no > _nodes.Count - _quorum && (missing == 0 || !isSplit);
    }

    private async ValueTask<AcquireReply> ConcludeAsync(
        AcquireRequest request, IReadOnlyList<IQuorumNode> asked, Ballot<Vote> ballot, TimeSpan limit, QuorumLease lease, CancellationToken cancellationToken)
    {
        var votes = ballot.Answers;
        var tally = new Tally(OfAllNodes(votes), _quorum);
        if (IsSplit(tally) && tally.IsFirst(request.HolderId))
            tally = await InsistAsync(request, asked, votes, tally, limit, lease, cancellationToken).ConfigureAwait(false);
        if (tally.IsGranted)
        {
            var token = tally.Token;
            if (await FixTokenAsync(request, asked, votes, token, limit, cancellationToken).ConfigureAwait(false))
            {
                lease.Grant(asked, votes, token);
                _leases.Restart(lease, request.Ttl);
                return AcquireReply.Granted(token);
            }

            lease.End();
            _ = WithdrawAsync(asked, request, ballot, lease);
            throw new LockStoreException(
                $"The votes were given, but too few of the {_nodes.Count} nodes answered to fix the fencing token on a majority of {_quorum}.", isTransient: true);
        }

        _leases.End(lease);
        await WithdrawAsync(asked, request, ballot, lease).WaitAsync(cancellationToken).ConfigureAwait(false);
        if (tally.Yes + tally.No < _quorum)
            throw TooFewVotes(asked, ballot, tally);
        if (tally.IsStranger || tally.IsHeldByOne(_quorum))
            return AcquireReply.Busy(tally.Remaining, tally.IsStranger);
        // Split between contenders: nobody may have it, and then nobody will give notice. Not all at the same time again. With the silent
        // nodes one of them may have a majority after all: then there is less of a hurry.
        return AcquireReply.Busy(tally.IsHeldByOne(_quorum - tally.Silent) ? RandomPause() * 4 : RandomPause());
    }

    /// <summary>Whether the votes went to several contenders, so that none of them may have a majority.</summary>
    private bool IsSplit(Tally tally) =>
        !tally.IsGranted && tally.Yes + tally.No >= _quorum && !tally.IsStranger && !tally.IsHeldByOne(_quorum);

    /// <summary>
    /// Of contenders that split the votes, the one with the first id keeps its votes and asks the other nodes again, while the rest take
    /// theirs back: so one of them gets the lock, and not none.
    /// </summary>
    /// <remarks>The votes are updated in place.</remarks>
    private async Task<Tally> InsistAsync(
        AcquireRequest request, IReadOnlyList<IQuorumNode> asked, Vote?[] votes, Tally tally, TimeSpan limit, QuorumLease lease, CancellationToken cancellationToken)
    {
        var began = _time.GetTimestamp();
        while (IsSplit(tally) && tally.IsFirst(request.HolderId) && _time.GetElapsedTime(began) < s_longestInsisting)
        {
            await Task.Delay(s_insistPause, _time, cancellationToken).ConfigureAwait(false);
            var others = Enumerable.Range(0, votes.Length).Where(i => votes[i] is { Kind: VoteKind.Busy }).ToArray();
            var again = await Ballot<Vote>.HoldAsync(
                [.. others.Select(i => asked[i].VoteAsync(request, Proposal(), lease.Ask(asked[i])))],
                static (_, _) => false,
                limit,
                _time,
                cancellationToken,
                (i, vote) => lease.VoteLate(asked[others[i]], vote)).ConfigureAwait(false);
            for (var i = 0; i < others.Length; i++)
                votes[others[i]] = again.Answers[i];
            tally = new Tally(OfAllNodes(votes), _quorum);
        }

        return tally;
    }

    /// <summary>Makes sure that a majority has the token, so that the next grant's is higher whatever majority gives it.</summary>
    private async Task<bool> FixTokenAsync(
        AcquireRequest request, IReadOnlyList<IQuorumNode> asked, Vote?[] votes, long token, TimeSpan limit, CancellationToken cancellationToken)
    {
        var have = 0;
        var lower = new List<IQuorumNode>();
        for (var i = 0; i < votes.Length; i++)
        {
            if (votes[i] is not { Kind: VoteKind.Granted } vote)
                continue;
            if (vote.Token >= token)
                have++;
            else
                lower.Add(asked[i]);
        }

        if (have >= _quorum)
            return true;
        var needed = _quorum - have;
        var raised = await Ballot<object>.HoldAsync(
            [.. lower.Select(async Task<object> (node) => await node.RaiseTokenAsync(request.Key, request.HolderId, token, CancellationToken.None).ConfigureAwait(false))],
            (answers, _) => answers.Count(static answer => answer is true) >= needed,
            limit,
            _time,
            cancellationToken).ConfigureAwait(false);
        return raised.Answers.Count(static answer => answer is true) >= needed;
    }

    /// <summary>Takes back what was voted, and what may still be. Those that said yes are waited for: they answer promptly.</summary>
    /// <remarks>
    /// Silent while nobody can have taken this holder for the one that has the majority: then nobody waits for its release, and a
    /// notice would only wake waiters for nothing, whose own votes wake others.
    /// </remarks>
    private Task WithdrawAsync(IReadOnlyList<IQuorumNode> asked, AcquireRequest request, Ballot<Vote>? ballot, QuorumLease lease)
    {
        if (asked.Count < _nodes.Count)
            lease.TakeBackFrom(_nodes.Except(asked));
        var possible = 0;
        for (var i = 0; i < asked.Count; i++)
        {
            if (MayHaveVoted(i))
                possible++;
        }

        var quietly = possible < _quorum;
        var prompt = new List<Task>();
        for (var i = 0; i < asked.Count; i++)
        {
            if (!MayHaveVoted(i))
                continue;
            var withdrawn = asked[i].WithdrawAsync(request.Key, request.HolderId, quietly, CancellationToken.None);
            TaskFaults.Forget(withdrawn);
            if (ballot?.Answers[i] is not null)
                prompt.Add(withdrawn);
        }

        return SettledAsync(prompt);

        bool MayHaveVoted(int i) => ballot is null || ballot.Answers[i] is { Kind: VoteKind.Granted } ||
            (ballot.Answers[i] is null && ballot.Faults[i] is null or LockStoreException { MayHaveBeenApplied: true });
    }

    private async Task SettledAsync(List<Task> withdrawals)
    {
        try
        {
            await Task.WhenAll(withdrawals).WaitAsync(s_shortestNodeTimeout, _time).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is TimeoutException or LockStoreException)
        {
            // Such a vote ends with its ttl, on a minority.
        }
    }

    private Vote?[] OfAllNodes(Vote?[] votes)
    {
        if (votes.Length == _nodes.Count)
            return votes;
        var all = new Vote?[_nodes.Count];
        votes.CopyTo(all, 0);
        return all;
    }

    private LockStoreException TooFewVotes(IReadOnlyList<IQuorumNode> asked, Ballot<Vote> ballot, Tally tally)
    {
        var reasons = new List<string>();
        for (var i = 0; i < asked.Count; i++)
        {
            if (ballot.Answers[i] is { Kind: VoteKind.Abstained } abstained)
                reasons.Add($"{asked[i].Name} has restarted and does not vote for another {abstained.Remaining?.TotalMilliseconds:0} ms");
            else if (ballot.Answers[i] is null)
                reasons.Add(ballot.Faults[i] is LockStoreException fault ? fault.Message : $"{asked[i].Name} did not answer in time");
        }

        return new LockStoreException(
            $"{tally.Yes + tally.No} of {_nodes.Count} nodes voted, {_quorum} are needed: {string.Join("; ", reasons)}",
            isTransient: !ballot.Faults.Any(static fault => fault is LockStoreException { IsTransient: false }),
            ballot.Faults.FirstOrDefault(static fault => fault is LockStoreException))
        {
            MayHaveBeenApplied = tally.Yes > 0 || ballot.Faults.Any(static fault => fault is not LockStoreException { MayHaveBeenApplied: false }),
        };
    }

    private static TimeSpan RandomPause() =>
        s_shortestSplitPause + (s_longestSplitPause - s_shortestSplitPause) * Random.Shared.NextDouble();
}
