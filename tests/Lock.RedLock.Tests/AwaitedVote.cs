using StackExchange.Redis;

namespace Locking;

/// <summary>A server's vote, asked for without a quorum.</summary>
internal sealed class AwaitedVote : NodeStep
{
    private readonly TaskCompletionSource<RedisResult> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private AwaitedVote(BallotPaper paper, string note)
        : base(paper, note)
    {
    }

    public static async Task<RedisVote> AskAsync(RedisVoter voter, AcquireRequest request, string note, long token, TimeSpan retention)
    {
        var vote = new AwaitedVote(voter.Write(request, token, retention), note);
        voter.Vote(vote, retention, CancellationToken.None);
        return voter.Read(await vote._answer.Task, vote.Paper!, note);
    }

    protected override void OnAnswered(RedisResult answer, bool isShared) => _answer.SetResult(answer);

    protected override void OnFailed(Exception fault, bool isShared) => _answer.SetException(fault);
}
