namespace Locking;

/// <summary>What the nodes are asked to vote on.</summary>
/// <param name="request">For whom.</param>
/// <param name="token">The token that they may agree on.</param>
internal sealed class Proposal(AcquireRequest request, long token)
{
    /// <summary>For whom.</summary>
    public AcquireRequest Request => request;

    /// <summary>The token that the nodes may agree on.</summary>
    public long Token => token;

    /// <summary>How it is written for Redis servers; null as long as none was asked.</summary>
    public BallotPaper? Paper { get; set; }

    /// <summary>The vote for it as it is.</summary>
    public Vote Granted => field ??= new Vote(VoteKind.Granted, token);
}
