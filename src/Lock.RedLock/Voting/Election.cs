namespace Locking;

/// <summary>Asks the nodes to vote for a holder: what becomes of the votes, and of those that come late.</summary>
internal sealed class Election(QuorumNodes nodes, QuorumLeases leases)
{
    private static readonly TimeSpan s_shortestSplitPause = TimeSpan.FromMilliseconds(2);
    private static readonly TimeSpan s_insistPause = TimeSpan.FromMilliseconds(1);

    /// <summary>Contenders withdraw within a few round trips; who does not is a holder with a node of its majority down.</summary>
    private static readonly TimeSpan s_longestInsisting = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan s_longestSplitPause = TimeSpan.FromMilliseconds(25);

    /// <summary>Takes the lock for a holder, or asks again for it.</summary>
    /// <exception cref="LockStoreException">Too few nodes voted.</exception>
    public ValueTask<AcquireReply> RunAsync(AcquireRequest request, CancellationToken cancellationToken)
    {
        IReadOnlyList<IQuorumNode> asked = nodes.Asked();
        IReadOnlyList<IQuorumNode> ready = QuorumNodes.ReadyOf(asked, request.Ttl);
        if (ready.Count < nodes.Needed)
            return AskAllAsync(request, asked, cancellationToken);
        TimeSpan limit = nodes.LimitFor(request.Ttl);
        return ready.Count == asked.Count
            ? AskAsync(request, asked, ready, limit, cancellationToken)
            : AskReadyAsync(request, asked, ready, limit, cancellationToken);
    }

    /// <summary>Asks those that are ready, and everybody if they do not suffice.</summary>
    private async ValueTask<AcquireReply> AskReadyAsync(
        AcquireRequest request,
        IReadOnlyList<IQuorumNode> asked,
        IReadOnlyList<IQuorumNode> ready,
        TimeSpan limit,
        CancellationToken cancellationToken)
    {
        try
        {
            return await AskAsync(request, asked, ready, limit, cancellationToken).ConfigureAwait(false);
        }
        catch (LockStoreException exception) when (exception.IsTransient)
        {
            // Those that have to be made ready first are needed after all.
            try
            {
                return await AskAllAsync(request, asked, cancellationToken).ConfigureAwait(false);
            }
            catch (LockStoreException again) when (exception.MayHaveBeenApplied && !again.MayHaveBeenApplied)
            {
                throw new LockStoreException(again.Message, again.IsTransient, again.InnerException) { MayHaveBeenApplied = true };
            }
        }
    }

    /// <summary>Asks everybody for a vote, with the time that those need who have to be made ready first.</summary>
    private async ValueTask<AcquireReply> AskAllAsync(
        AcquireRequest request, IReadOnlyList<IQuorumNode> asked, CancellationToken cancellationToken)
    {
        IReadOnlyList<IQuorumNode> ready = await nodes.PrepareAsync(
            "acquire", asked, nodes.Needed, request.Ttl, cancellationToken).ConfigureAwait(false);
        TimeSpan limit = nodes.LimitFor(request.Ttl);
        return await AskAsync(
            request, asked, ready, limit < nodes.ConnectTimeout ? nodes.ConnectTimeout : limit, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Asks for votes.</summary>
    /// <remarks>
    /// The votes of those that are ready are counted. The others go on voting for a lease that was granted, until it is released: a lease
    /// on a bare majority would not survive the next node. They are not counted, for what they put on record came behind the votes of the
    /// rest.
    /// </remarks>
    private async ValueTask<AcquireReply> AskAsync(
        AcquireRequest request,
        IReadOnlyList<IQuorumNode> asked,
        IReadOnlyList<IQuorumNode> ready,
        TimeSpan limit,
        CancellationToken cancellationToken)
    {
        var proposal = new Proposal(request, NewToken());
        QuorumLease lease = leases.Begin(proposal, nodes.Count, nodes.Needed);
        var round = new VoteRound(ready, nodes.Count, nodes.Needed, lease);
        round.Limit(limit, nodes.Alarms, cancellationToken);
        round.Ask(proposal);
        for (int i = 0; ready.Count < asked.Count && i < asked.Count; i++)
        {
            if (!ready.Contains(asked[i]))
                asked[i].Vote(proposal, new LateVote(asked[i], lease), 0, lease.Ask(asked[i]));
        }

        try
        {
            await round.End.ConfigureAwait(false);
            if (!round.IsGrantedAs(proposal))
                return await ConcludeAsync(request, ready, round, limit, lease, cancellationToken).ConfigureAwait(false);
            lease.Grant(ready, round.Answers, proposal.Token);
            leases.Restart(lease, request.Ttl);
            return AcquireReply.Granted(proposal.Token);
        }
        catch (Exception exception)
        {
            leases.End(lease);
            if (exception is OperationCanceledException)
                _ = WithdrawAsync(ready, request, ballot: null, lease);
            throw;
        }
    }

    private async ValueTask<AcquireReply> ConcludeAsync(
        AcquireRequest request,
        IReadOnlyList<IQuorumNode> asked,
        VoteRound ballot,
        TimeSpan limit,
        QuorumLease lease,
        CancellationToken cancellationToken)
    {
        Vote?[] votes = ballot.Answers;
        var tally = new Tally(OfAllNodes(votes), nodes.Needed);
        if (IsSplit(tally) && tally.IsFirst(request.HolderId))
            tally = await InsistAsync(request, asked, votes, tally, limit, lease, cancellationToken).ConfigureAwait(false);
        if (tally.IsGranted)
        {
            long token = tally.Token;
            if (await FixTokenAsync(request, asked, votes, token, limit, cancellationToken).ConfigureAwait(false))
            {
                lease.Grant(asked, votes, token);
                leases.Restart(lease, request.Ttl);
                return AcquireReply.Granted(token);
            }

            lease.End();
            _ = WithdrawAsync(asked, request, ballot, lease);
            throw new LockStoreException(
                $"The votes were given, but too few of the {nodes.Count} nodes answered to fix the fencing token on a majority of " +
                $"{nodes.Needed}.", isTransient: true);
        }

        leases.End(lease);
        await WithdrawAsync(asked, request, ballot, lease).WaitAsync(cancellationToken).ConfigureAwait(false);
        if (tally.Yes + tally.No < nodes.Needed)
            throw TooFewVotes(asked, ballot, tally);
        if (tally.IsStranger || tally.IsHeldByOne(nodes.Needed))
            return AcquireReply.Busy(tally.Remaining, tally.IsStranger);
        // Split between contenders: nobody may have it, and then nobody will give notice. Not all at the same time again. With the silent
        // nodes one of them may have a majority after all: then there is less of a hurry.
        return AcquireReply.Busy(tally.IsHeldByOne(nodes.Needed - tally.Silent) ? RandomPause() * 4 : RandomPause());
    }

    /// <summary>Whether the votes went to several contenders, so that none of them may have a majority.</summary>
    private bool IsSplit(Tally tally) =>
        !tally.IsGranted && tally.Yes + tally.No >= nodes.Needed && !tally.IsStranger && !tally.IsHeldByOne(nodes.Needed);

    /// <summary>
    /// Of contenders that split the votes, the one with the first id keeps its votes and asks the other nodes again, while the rest take
    /// theirs back: so one of them gets the lock, and not none.
    /// </summary>
    /// <remarks>The votes are updated in place.</remarks>
    private async Task<Tally> InsistAsync(
        AcquireRequest request,
        IReadOnlyList<IQuorumNode> asked,
        Vote?[] votes,
        Tally tally,
        TimeSpan limit,
        QuorumLease lease,
        CancellationToken cancellationToken)
    {
        long began = nodes.Time.GetTimestamp();
        while (IsSplit(tally) && tally.IsFirst(request.HolderId) && nodes.Time.GetElapsedTime(began) < s_longestInsisting)
        {
            await Task.Delay(s_insistPause, nodes.Time, cancellationToken).ConfigureAwait(false);
            int[] others = Enumerable.Range(0, votes.Length).Where(i => votes[i] is { Kind: VoteKind.Busy }).ToArray();
            var again = new InsistRound([.. others.Select(i => asked[i])], lease);
            again.Limit(limit, nodes.Alarms, cancellationToken);
            again.Ask(new Proposal(request, NewToken()));
            await again.End.ConfigureAwait(false);
            for (int i = 0; i < others.Length; i++)
                votes[others[i]] = again.Answers[i];
            tally = new Tally(OfAllNodes(votes), nodes.Needed);
        }

        return tally;
    }

    /// <summary>Makes sure that a majority has the token, so that the next grant's is higher whatever majority gives it.</summary>
    private async Task<bool> FixTokenAsync(
        AcquireRequest request,
        IReadOnlyList<IQuorumNode> asked,
        Vote?[] votes,
        long token,
        TimeSpan limit,
        CancellationToken cancellationToken)
    {
        int have = 0;
        var lower = new List<IQuorumNode>();
        for (int i = 0; i < votes.Length; i++)
        {
            if (votes[i] is not { Kind: VoteKind.Granted } vote)
                continue;
            if (vote.Token >= token)
                have++;
            else
                lower.Add(asked[i]);
        }

        if (have >= nodes.Needed)
            return true;
        int needed = nodes.Needed - have;
        Ballot<object> raised = await TaskBallot<object>.HoldAsync(
            [.. lower.Select(async Task<object> (node) =>
                await node.RaiseTokenAsync(request.Key, request.HolderId, token, CancellationToken.None).ConfigureAwait(false))],
            (answers, _) => answers.Count(static answer => answer is true) >= needed,
            limit,
            nodes.Alarms,
            cancellationToken).ConfigureAwait(false);
        return raised.Answers.Count(static answer => answer is true) >= needed;
    }

    /// <summary>Takes back what was voted, and what may still be. Those that said yes are waited for: they answer promptly.</summary>
    /// <remarks>
    /// Silent while nobody can have taken this holder for the one that has the majority: then nobody waits for its release, and a
    /// notice would only wake waiters for nothing, whose own votes wake others.
    /// </remarks>
    private Task WithdrawAsync(IReadOnlyList<IQuorumNode> asked, AcquireRequest request, VoteRound? ballot, QuorumLease lease)
    {
        if (asked.Count < nodes.Count)
            lease.TakeBackFrom(nodes.All.Except(asked));
        int possible = 0;
        for (int i = 0; i < asked.Count; i++)
        {
            if (MayHaveVoted(i))
                possible++;
        }

        bool quietly = possible < nodes.Needed;
        var prompt = new List<Task>();
        for (int i = 0; i < asked.Count; i++)
        {
            if (!MayHaveVoted(i))
                continue;
            Task withdrawn = asked[i].WithdrawAsync(request.Key, request.HolderId, quietly, CancellationToken.None);
            TaskFaults.Forget(withdrawn);
            if (ballot?.Answers[i] is not null)
                prompt.Add(withdrawn);
        }

        return SettledAsync(prompt);

        bool MayHaveVoted(int i) => ballot is null || ballot.Answers[i] is { Kind: VoteKind.Granted } ||
            (ballot.Answers[i] is null && ballot.FaultOf(i) is null or LockStoreException { MayHaveBeenApplied: true });
    }

    private async Task SettledAsync(List<Task> withdrawals)
    {
        try
        {
            await Task.WhenAll(withdrawals).WaitAsync(QuorumNodes.ShortestLimit, nodes.Time).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is TimeoutException or LockStoreException)
        {
            // Such a vote ends with its ttl, on a minority.
        }
    }

    private Vote?[] OfAllNodes(Vote?[] votes)
    {
        if (votes.Length == nodes.Count)
            return votes;
        Vote?[] all = new Vote?[nodes.Count];
        votes.CopyTo(all, 0);
        return all;
    }

    private LockStoreException TooFewVotes(IReadOnlyList<IQuorumNode> asked, VoteRound ballot, Tally tally)
    {
        var reasons = new List<string>();
        for (int i = 0; i < asked.Count; i++)
        {
            if (ballot.Answers[i] is { Kind: VoteKind.Abstained } abstained)
                reasons.Add($"{asked[i].Name} has restarted and does not vote for another {abstained.Remaining?.TotalMilliseconds:0} ms");
            else if (ballot.Answers[i] is null)
                reasons.Add(ballot.FaultOf(i) is LockStoreException fault ? fault.Message : $"{asked[i].Name} did not answer in time");
        }

        return new LockStoreException(
            $"{tally.Yes + tally.No} of {nodes.Count} nodes voted, {nodes.Needed} are needed: {string.Join("; ", reasons)}",
            isTransient: !ballot.Faults.Any(static fault => fault is LockStoreException { IsTransient: false }),
            ballot.Faults.FirstOrDefault(static fault => fault is LockStoreException))
        {
            MayHaveBeenApplied = tally.Yes > 0 ||
                ballot.Faults.Any(static fault => fault is not LockStoreException { MayHaveBeenApplied: false }),
        };
    }

    /// <summary>The token to agree on: this machine's microseconds.</summary>
    private long NewToken() => (nodes.Time.GetUtcNow().Ticks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;

    private static TimeSpan RandomPause() =>
        s_shortestSplitPause + (s_longestSplitPause - s_shortestSplitPause) * Random.Shared.NextDouble();
}
