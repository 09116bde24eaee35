namespace Locking;

/// <summary>One holder's votes: on which nodes its lease rests, and which votes may still come.</summary>
/// <remarks>
/// <para>A lease rests on the nodes whose votes were counted, and is lost once no majority of them can have it. A vote that comes after the
/// count has not been seen together with that majority: the lock may have been taken away on the counted nodes before it came, and then
/// it would bring a lost majority back. So it counts from the next round in which a majority of the counted nodes still has the
/// lease.</para>
/// <para>Until then it stands in for counted nodes that are silent or have lost their memory, not for one that says that the lease is gone;
/// and only with a token that shows that nobody was granted the lock there before: a grant leaves a higher one behind.</para>
/// </remarks>
internal sealed class QuorumLease
{
    private readonly Lock _gate = new();
    private readonly QuorumLeases _leases;
    private readonly Proposal _proposal;
    private readonly StandingVote[] _votes;
    private readonly int _quorum;
    private CancellationTokenSource? _connecting;
    private TimeSpan _longestTtl;
    private long _token;
    private bool _isOver;

    public QuorumLease(QuorumLeases leases, Proposal proposal, int nodes, int quorum)
    {
        _leases = leases;
        _proposal = proposal;
        _votes = new StandingVote[nodes];
        _quorum = quorum;
    }

    public string Key => _proposal.Request.Key;

    public string HolderId => _proposal.Request.HolderId;

    /// <summary>When it ends on the nodes at the latest, as far as is known here.</summary>
    public long EndsAt { get; private set; } = long.MaxValue;

    /// <summary>What was voted on, if the fences may live on as they are when it is released; else null.</summary>
    public BallotPaper? Paper => _proposal.Paper is { } paper && paper.KeepsFence(_longestTtl) ? paper : null;

    /// <summary>Whether the votes were counted and are a majority.</summary>
    public bool IsGranted { get; private set; }

    /// <summary>Whether its majority was counted as lost, or it was given back: nothing restores it.</summary>
    public bool IsOver
    {
        get
        {
            lock (_gate)
                return _isOver;
        }
    }

    /// <summary>What a node has to do with it now.</summary>
    public NodeStanding StandingOf(int node)
    {
        lock (_gate)
            return _votes[node].Standing;
    }

    /// <summary>Notes that a node is asked, and gives what ends the request as long as it has not been sent.</summary>
    public CancellationToken Ask(IQuorumNode node)
    {
        lock (_gate)
        {
            _votes[node.Index] = new StandingVote { Standing = NodeStanding.UnderWay, Interruptions = node.Interruptions };
            return node.IsReady ? CancellationToken.None : (_connecting ??= new CancellationTokenSource()).Token;
        }
    }

    /// <summary>The votes were counted, and are a majority.</summary>
    public void Grant(IReadOnlyList<IQuorumNode> asked, Vote?[] votes, long token)
    {
        lock (_gate)
        {
            _token = token;
            IsGranted = true;
            for (int i = 0; i < votes.Length; i++)
            {
                if (votes[i] is { } vote)
                    _votes[asked[i].Index].Standing = vote.Kind == VoteKind.Granted ? NodeStanding.Counted : NodeStanding.None;
            }
        }
    }

    /// <summary>Its time counts anew.</summary>
    public void Restart(TimeSpan ttl, long endsAt)
    {
        if (ttl > _longestTtl)
            _longestTtl = ttl;
        EndsAt = endsAt;
    }

    /// <summary>A vote that comes after the count. One that nobody wants any more is taken back.</summary>
    public void VoteLate(IQuorumNode node, Vote vote)
    {
        if (vote.Kind != VoteKind.Granted)
            return;
        bool isInOrder = true;
        lock (_gate)
        {
            ref StandingVote own = ref _votes[node.Index];
            if (!_isOver)
            {
                if (own.Standing == NodeStanding.UnderWay)
                    own = own with { Standing = NodeStanding.Late, Token = vote.Token };
                return;
            }

            isInOrder = own.Interruptions == node.Interruptions;
        }

        // The holder may be asking again by now: then it is a vote for that.
        if (_leases.Find(HolderId) is { } next && next != this && !next.IsOver)
            next.VoteLate(node, vote);
        else if (!isInOrder)
            TakeBack(node);
    }

    /// <summary>Ends it: votes that are not sent yet are not sent, and those that come are taken back.</summary>
    /// <remarks>What takes the votes back is to be sent behind this, on the nodes' connections: only where a connection broke in between
    /// may a vote arrive behind what takes it back.</remarks>
    public void End()
    {
        CancellationTokenSource? connecting;
        lock (_gate)
        {
            _isOver = true;
            connecting = _connecting;
        }

        connecting?.Cancel();
    }

    /// <summary>Takes back what was voted or may still be on nodes that are not asked otherwise.</summary>
    public void TakeBackFrom(IEnumerable<IQuorumNode> nodes)
    {
        foreach (IQuorumNode node in nodes)
        {
            if (StandingOf(node.Index) is not (NodeStanding.None or NodeStanding.Gone))
                TakeBack(node);
        }
    }

    /// <summary>Begins a round in which the nodes are asked to extend the lease.</summary>
    public LeaseRound BeginRound()
    {
        lock (_gate)
            return new LeaseRound(this, _gate, _votes, _token, _quorum);
    }

    private void TakeBack(IQuorumNode node) => TaskFaults.Forget(node.WithdrawAsync(Key, HolderId, quietly: false, CancellationToken.None));
}

/// <summary>A node's vote for a lease.</summary>
internal record struct StandingVote
{
    public NodeStanding Standing { get; set; }

    /// <summary>The token there, of a vote that came late; the highest where it is not known.</summary>
    public long Token { get; set; }

    /// <summary>How often the node's connection had been interrupted when it was asked.</summary>
    public int Interruptions { get; set; }
}
