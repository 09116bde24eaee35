namespace Locking;

/// <summary>The second votes of nodes that had voted for somebody else: all of them are waited for.</summary>
/// <param name="asked">Who is asked.</param>
/// <param name="lease">Told of votes that come late.</param>
internal sealed class InsistRound(IReadOnlyList<IQuorumNode> asked, QuorumLease lease) : Ballot<Vote>(asked.Count)
{
    /// <summary>Asks for the votes.</summary>
    public void Ask(Proposal proposal)
    {
        for (int i = 0; i < asked.Count; i++)
            asked[i].Vote(proposal, this, i, lease.Ask(asked[i]));
    }

    /// <inheritdoc/>
    protected override bool IsDecided(Vote?[] answers, int missing) => false;

    /// <inheritdoc/>
    protected override void OnLate(int place, Vote answer) => lease.VoteLate(asked[place], answer);
}
