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

    public async Task<Vote> VoteAsync(AcquireRequest request, long proposedToken, CancellationToken cancellationToken)
    {
        if (!_health.IsReadyFor(request.Ttl))
            await _health.PrepareAsync(request.Ttl, cancellationToken).ConfigureAwait(false);
        // Interrupted in this moment, it is asked under no note, and has to be prepared again.
        string note = _health.Readiness?.Note ?? "";
        RedisVote vote;
        try
        {
            vote = await _voter.VoteAsync(request, note, proposedToken, _retention, cancellationToken).ConfigureAwait(false);
            _health.Answered();
        }
        catch (LockStoreException)
        {
            _health.Failed();
            throw;
        }

        switch (vote.Kind)
        {
            case RedisVoteKind.Granted:
                return new Vote(VoteKind.Granted, vote.Token, vote.HeldBefore);
            case RedisVoteKind.Busy:
                return new Vote(VoteKind.Busy, Remaining: vote.Remaining, HolderId: vote.HolderId, IsStranger: vote.IsStranger);
            case RedisVoteKind.NotAdmitted:
                return await AbstainAsync(request.Ttl, note, cancellationToken).ConfigureAwait(false);
            default:
                return new Vote(VoteKind.Abstained, Remaining: vote.Remaining);
        }
    }

    /// <summary>It has lost its memory since it was made ready. Made ready again, it has no vote in this round: what it has on record came
    /// behind the votes of the others.</summary>
    private async Task<Vote> AbstainAsync(TimeSpan ttl, string note, CancellationToken cancellationToken)
    {
        _health.Forget(note);
        await _health.PrepareAsync(ttl, cancellationToken).ConfigureAwait(false);
        RedisLife life = await _voter.ReadLifeAsync(cancellationToken).ConfigureAwait(false);
        return new Vote(VoteKind.Abstained, Remaining: life.Rest);
    }

    public Task<bool> RaiseTokenAsync(string key, string holderId, long token, CancellationToken cancellationToken) =>
        _voter.RaiseAsync(key, holderId, token, cancellationToken);

    public Task WithdrawAsync(string key, string holderId, bool quietly, CancellationToken cancellationToken) =>
        _voter.WithdrawAsync(key, holderId, _retention, quietly, cancellationToken);

    public async Task<bool> HasForgottenAsync(CancellationToken cancellationToken) =>
        !(await _voter.ReadLifeAsync(cancellationToken).ConfigureAwait(false)).Votes;

    public async ValueTask DisposeAsync()
    {
        await _health.DisposeAsync().ConfigureAwait(false);
        await _voter.Store.DisposeAsync().ConfigureAwait(false);
    }
}
