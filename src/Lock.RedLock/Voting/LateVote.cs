namespace Locking;

/// <summary>The vote of a node that has to be made ready first: it counts as one that comes late.</summary>
internal sealed class LateVote(IQuorumNode node, QuorumLease lease) : INodeAnswers<Vote>
{
    /// <inheritdoc/>
    public void Answer(int place, Vote answer, bool isShared) => lease.VoteLate(node, answer);

    /// <inheritdoc/>
    public void Fail(int place, Exception fault, bool isShared)
    {
        // Its health has been told.
    }
}
