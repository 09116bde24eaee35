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

    public bool IsReady => _health.IsAdmitted;

    public bool IsSuspect => _health.IsSuspect;

    public async Task<Vote> VoteAsync(AcquireRequest request, long proposedToken, CancellationToken cancellationToken)
    {
        for (var attempt = 0; ; attempt++)
        {
            if (!_health.IsAdmitted)
                await _health.AdmitAsync(cancellationToken).ConfigureAwait(false);
            RedisVote vote;
            try
            {
                vote = await _voter.VoteAsync(request, proposedToken, _retention, cancellationToken).ConfigureAwait(false);
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
                case RedisVoteKind.NotAdmitted when attempt < 2:
                    // It has lost its memory since it was admitted.
                    _health.Forget();
                    break;
                default:
                    return new Vote(VoteKind.Abstained, Remaining: vote.Remaining);
            }
        }
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
