namespace Locking;

/// <summary>One round in which the nodes are asked to extend a lease: what their answers come to.</summary>
internal sealed class LeaseRound
{
    private readonly QuorumLease _lease;
    private readonly Lock _gate;
    private readonly StandingVote[] _votes;
    private readonly StandingVote[] _before;
    private readonly long _token;
    private readonly int _quorum;
    private bool _isConfirmed;

    /// <summary>Begins it. The gate is taken.</summary>
    public LeaseRound(QuorumLease lease, Lock gate, StandingVote[] votes, long token, int quorum)
    {
        _lease = lease;
        _gate = gate;
        _votes = votes;
        _before = [.. votes];
        _token = token;
        _quorum = quorum;
    }

    /// <summary>Whether the answers so far decide: a majority of the counted nodes has the lease, or no majority of any nodes can have
    /// it.</summary>
    public bool IsDecided(StoreReply?[] replies, int missing) =>
        IsConfirmed(replies) ||
        (replies.Count(static reply => reply == StoreReply.Done) + missing < _quorum &&
        Count(
            replies,
            static (standing, reply) =>
                standing == NodeStanding.Counted && reply is not (StoreReply.NotHeld or StoreReply.HeldByAnother)) < _quorum);

    /// <summary>The same, or those that may stand in are a majority with the counted ones.</summary>
    public bool IsDecidedWithStandIns(StoreReply?[] replies, int missing) =>
        IsDecided(replies, missing) ||
            Count(replies, (StandingVote vote, StoreReply? reply) => reply == StoreReply.Done && IsStandIn(vote)) >= _quorum;

    private bool IsConfirmed(StoreReply?[] replies) =>
        Count(replies, static (standing, reply) => standing == NodeStanding.Counted && reply == StoreReply.Done) >= _quorum;

    /// <summary>The counted nodes that say the lease is gone, if the outcome hangs on why: whoever has lost all its memory is as good as
    /// silent.</summary>
    public IReadOnlyList<int> Suspicious(StoreReply?[] replies)
    {
        if (IsConfirmed(replies) || replies.Count(static reply => reply == StoreReply.Done) < _quorum)
            return [];
        return [.. Enumerable.Range(0, replies.Length)
            .Where(node => _before[node].Standing == NodeStanding.Counted && replies[node] == StoreReply.NotHeld)];
    }

    /// <summary>What the answers come to; null when too few are there to tell.</summary>
    /// <param name="replies">By node; null for silent ones.</param>
    /// <param name="forgot">The nodes among them that have lost their memory.</param>
    public StoreReply? Conclude(StoreReply?[] replies, IReadOnlyCollection<int> forgot)
    {
        lock (_gate)
        {
            int denied = 0;
            for (int node = 0; node < replies.Length; node++)
            {
                if (replies[node] is not (StoreReply.NotHeld or StoreReply.HeldByAnother))
                    continue;
                if (_before[node].Standing == NodeStanding.Counted && !forgot.Contains(node))
                    denied++;
                // One that says so while its vote is still under way may yet get it.
                if (_before[node].Standing is NodeStanding.Counted or NodeStanding.Late)
                    _votes[node].Standing = NodeStanding.Gone;
            }

            _isConfirmed = IsConfirmed(replies);
            int standIns = Count(replies, (StandingVote vote, StoreReply? reply) => reply == StoreReply.Done && IsStandIn(vote));
            int counted = _before.Count(static vote => vote.Standing == NodeStanding.Counted);
            if (_isConfirmed || (counted - denied >= _quorum && standIns >= _quorum))
            {
                for (int node = 0; node < replies.Length; node++)
                {
                    if (replies[node] == StoreReply.Done)
                        ConfirmUnsynchronized(node, isCounted: _isConfirmed || IsStandIn(_before[node]));
                }

                return StoreReply.Done;
            }

            int silent = replies.Count(static reply => reply is null);
            if (counted - denied >= _quorum && standIns + silent >= _quorum)
                return null;
            return replies.Count(static reply => reply == StoreReply.HeldByAnother) >= _quorum
                ? StoreReply.HeldByAnother
                : StoreReply.NotHeld;
        }
    }

    /// <summary>A node that extended the lease when the round was already over.</summary>
    public void ConfirmLate(int node)
    {
        lock (_gate)
        {
            if (_isConfirmed)
                ConfirmUnsynchronized(node, isCounted: true);
        }
    }

    /// <summary>A node has the lease, in a round in which a majority had it. It is counted if it had it before that round: else it may have
    /// come in the middle, when the majority was gone in part.</summary>
    private void ConfirmUnsynchronized(int node, bool isCounted)
    {
        ref StandingVote vote = ref _votes[node];
        if (vote.Standing is NodeStanding.Gone or NodeStanding.Counted)
            return;
        if (_before[node].Standing == NodeStanding.Late && isCounted)
            vote.Standing = NodeStanding.Counted;
        else if (vote.Standing != NodeStanding.Late)
            vote = vote with { Standing = NodeStanding.Late, Token = long.MaxValue };
    }

    private bool IsStandIn(StandingVote vote) =>
        vote.Standing == NodeStanding.Counted || (vote.Standing == NodeStanding.Late && vote.Token <= _token);

    private int Count(StoreReply?[] replies, Func<NodeStanding, StoreReply?, bool> what) =>
        Count(replies, (StandingVote vote, StoreReply? reply) => what(vote.Standing, reply));

    private int Count(StoreReply?[] replies, Func<StandingVote, StoreReply?, bool> what)
    {
        int count = 0;
        for (int node = 0; node < replies.Length; node++)
        {
            if (what(_before[node], replies[node]))
                count++;
        }

        return count;
    }
}
