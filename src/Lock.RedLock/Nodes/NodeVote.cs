using StackExchange.Redis;

namespace Locking;

/// <summary>The request for a server's vote.</summary>
internal sealed class NodeVote(
    RedisVoter voter, NodeHealth health, Proposal proposal, string note, INodeAnswers<Vote> answers, int place, CancellationToken cancelled)
    : NodeStep(proposal.Paper, note)
{
    /// <inheritdoc/>
    protected override void OnAnswered(RedisResult answer, bool isShared)
    {
        health.Answered();
        Vote vote;
        try
        {
            RedisVote read = voter.Read(answer, Paper!, Note!);
            if (read.Kind == RedisVoteKind.NotAdmitted)
            {
                _ = AbstainAsync();
                return;
            }

            vote = VoteOf(read);
        }
        catch (Exception exception)
        {
            answers.Fail(place, Wrapped(exception), isShared);
            return;
        }

        answers.Answer(place, vote, isShared);
    }

    /// <inheritdoc/>
    protected override void OnFailed(Exception fault, bool isShared)
    {
        if (fault is LockStoreException)
            health.Failed();
        answers.Fail(place, fault, isShared);
    }

    private Vote VoteOf(RedisVote vote) => vote.Kind switch
    {
        RedisVoteKind.Granted when vote.Token == proposal.Token && !vote.HeldBefore => proposal.Granted,
        RedisVoteKind.Granted => new Vote(VoteKind.Granted, vote.Token, vote.HeldBefore),
        RedisVoteKind.Busy => new Vote(
            VoteKind.Busy, Remaining: vote.Remaining, HolderId: vote.HolderId, IsStranger: vote.IsStranger),
        _ => new Vote(VoteKind.Abstained, Remaining: vote.Remaining),
    };

    /// <summary>It has lost its memory since it was made ready. Made ready again, it has no vote in this round: what it has on record came
    /// behind the votes of the others.</summary>
    private async Task AbstainAsync()
    {
        Vote vote;
        try
        {
            health.Forget(Note!);
            await health.PrepareAsync(proposal.Request.Ttl, cancelled).ConfigureAwait(false);
            RedisLife life = await voter.ReadLifeAsync(cancelled).ConfigureAwait(false);
            vote = new Vote(VoteKind.Abstained, Remaining: life.Rest);
        }
        catch (Exception exception)
        {
            answers.Fail(place, exception, isShared: false);
            return;
        }

        answers.Answer(place, vote, isShared: false);
    }
}
