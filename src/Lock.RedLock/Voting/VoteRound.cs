namespace Locking;

/// <summary>The votes of several nodes for one holder.</summary>
/// <param name="asked">Who is asked.</param>
/// <param name="count">How many nodes there are. Those that are not asked are as good as silent.</param>
/// <param name="needed">How many votes are needed.</param>
/// <param name="lease">Told of votes that come late.</param>
internal sealed class VoteRound(IReadOnlyList<IQuorumNode> asked, int count, int needed, QuorumLease lease) : Ballot<Vote>(asked.Count)
{
    /// <summary>Asks for the votes.</summary>
    public void Ask(Proposal proposal)
    {
        for (int i = 0; i < asked.Count; i++)
            asked[i].Vote(proposal, this, i, lease.Ask(asked[i]));
    }

    /// <summary>Whether a majority gave the vote that was proposed, so that there is nothing to settle. What the others have is higher at
    /// the most: the next majority has one of these nodes, and gives more.</summary>
    public bool IsGrantedAs(Proposal proposal)
    {
        int yes = 0;
        foreach (Vote? vote in Answers)
        {
            if (ReferenceEquals(vote, proposal.Granted) && ++yes == needed)
                return true;
        }

        return false;
    }

    /// <inheritdoc/>
    protected override bool IsDecided(Vote?[] answers, int missing)
    {
        int yes = 0, before = 0, no = 0;
        string? holder = null;
        bool isSplit = false;
        foreach (Vote? vote in answers)
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
        if (yes >= needed)
            return before == 0 || before >= needed;
        if (yes + no + missing < needed)
            return true;

        // Votes that went to several contenders: one of those with a vote must stay, so that somebody gets the lock, and whose own vote is
        // the last to come is to know that it has one.
        return no > count - needed && (missing == 0 || !isSplit);
    }

    /// <inheritdoc/>
    protected override void OnLate(int place, Vote answer) => lease.VoteLate(asked[place], answer);
}
