using StackExchange.Redis;

namespace Locking;

/// <summary>A step at one server, asked for without a quorum.</summary>
internal sealed class AwaitedStep : NodeStep
{
    private readonly TaskCompletionSource<RedisResult> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public AwaitedStep(BallotPaper paper, string? note)
        : base(paper, note)
    {
    }

    public Task<RedisResult> Answer => _answer.Task;

    /// <summary>Asks for a vote.</summary>
    public static async Task<RedisVote> VoteAsync(RedisVoter voter, AcquireRequest request, string note, long token, TimeSpan retention)
    {
        var vote = new AwaitedStep(voter.Write(request, token, retention), note);
        voter.Vote(vote, retention, CancellationToken.None);
        return voter.Read(await vote.Answer, vote.Paper!, note);
    }

    protected override void OnAnswered(RedisResult answer, bool isShared) => _answer.SetResult(answer);

    protected override void OnFailed(Exception fault, bool isShared) => _answer.SetException(fault);
}
