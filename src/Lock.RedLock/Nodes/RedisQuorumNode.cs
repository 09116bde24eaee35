namespace Locking;

/// <summary>A Redis server as a node of a quorum: admission before the first vote, and a rest while it does not answer.</summary>
internal sealed class RedisQuorumNode : IQuorumNode
{
    private readonly RedisVoter _voter;
    private readonly NodeHealth _health;
    private readonly TimeSpan _retention;

    public RedisQuorumNode(int index, RedisVoter voter, NodeHealth health, TimeSpan retention)
    {
        Index = index;
        _voter = voter;
        _health = health;
        _retention = retention;
    }

    public string Name => _voter.Server;

    public int Index { get; }

    public int Interruptions => _health.Interruptions;

    public ILockStore Store => _voter.Store;

    public bool IsReady => _health.Readiness is not null;

    public bool IsSuspect => _health.IsSuspect;

    public bool IsReadyFor(TimeSpan ttl) => _health.IsReadyFor(ttl);

    public Task PrepareAsync(TimeSpan ttl, CancellationToken cancellationToken) => _health.PrepareAsync(ttl, cancellationToken);

    public void Vote(Proposal proposal, INodeAnswers<Vote> answers, int place, CancellationToken cancellationToken)
    {
        proposal.Paper ??= _voter.Write(proposal.Request, proposal.Token, _retention);
        if (_health.IsReadyFor(proposal.Request.Ttl))
            Ask(proposal, answers, place, cancellationToken);
        else
            _ = VoteWhenReadyAsync(proposal, answers, place, cancellationToken);
    }

    public void Release(string key, string holderId, BallotPaper? paper, INodeAnswers<object> answers, int place)
    {
        var release = new NodeRelease(_voter.Store, paper, answers, place);
        if (paper is null)
            _voter.Release(release, key, holderId);
        else
            _voter.Release(release);
    }

    public Task<bool> RaiseTokenAsync(string key, string holderId, long token, CancellationToken cancellationToken) =>
        _voter.RaiseAsync(key, holderId, token, cancellationToken);

    public Task WithdrawAsync(string key, string holderId, bool quietly, CancellationToken cancellationToken) =>
        _voter.WithdrawAsync(key, holderId, _retention, quietly, cancellationToken);

    public async Task<bool> HasForgottenAsync(CancellationToken cancellationToken) =>
        !(await _voter.ReadLifeAsync(cancellationToken).ConfigureAwait(false)).Votes;

    /// <summary>What is asked of the store from now on comes behind what was asked of the node.</summary>
    public void Flush() => _voter.Flush();

    public async ValueTask DisposeAsync()
    {
        await _health.DisposeAsync().ConfigureAwait(false);
        await _voter.Store.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Interrupted in this moment, it is asked under no note, and has to be prepared again.</summary>
    private void Ask(Proposal proposal, INodeAnswers<Vote> answers, int place, CancellationToken cancellationToken) => _voter.Vote(
        new NodeVote(_voter, _health, proposal, _health.Readiness?.Note ?? "", answers, place, cancellationToken), _retention,
        cancellationToken);

    private async Task VoteWhenReadyAsync(
        Proposal proposal, INodeAnswers<Vote> answers, int place, CancellationToken cancellationToken)
    {
        try
        {
            await _health.PrepareAsync(proposal.Request.Ttl, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            // Whoever asked has to come back first.
            await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
            answers.Fail(place, exception, isShared: false);
            return;
        }

        Ask(proposal, answers, place, cancellationToken);
    }
}
