namespace Locking;

/// <summary>One independent server of a quorum, as the algorithm sees it.</summary>
internal interface IQuorumNode : IAsyncDisposable
{
    /// <summary>The server, for messages.</summary>
    string Name { get; }

    /// <summary>Its place among the nodes, from 0.</summary>
    int Index { get; }

    /// <summary>How often its connection was interrupted. As long as that stays the same it gets requests in the order in which they were
    /// sent.</summary>
    int Interruptions { get; }

    /// <summary>The server's locks, for the steps that need no more than a store.</summary>
    ILockStore Store { get; }

    /// <summary>Whether it is connected and may vote, so that a vote is one round trip.</summary>
    bool IsReady { get; }

    /// <summary>Whether it has not answered lately: it is asked again when it does.</summary>
    bool IsSuspect { get; }

    /// <summary>Whether it is ready, and has so long a ttl on record: only then its answers count.</summary>
    bool IsReadyFor(TimeSpan ttl);

    /// <summary>Makes it ready for leases of this length: connects, admits it, and puts the ttl on record there.</summary>
    /// <exception cref="LockStoreException">No answer, or it may not vote yet.</exception>
    Task PrepareAsync(TimeSpan ttl, CancellationToken cancellationToken);

    /// <summary>Asks for a vote, after preparing it where that is due. It never goes on where it was asked: the answer comes on another
    /// thread.</summary>
    /// <param name="proposal">What is voted on.</param>
    /// <param name="answers">Told of the vote.</param>
    /// <param name="place">The node's place among those that are asked.</param>
    /// <param name="cancellationToken">Ends the request as long as it has not been sent.</param>
    void Vote(Proposal proposal, INodeAnswers<Vote> answers, int place, CancellationToken cancellationToken);

    /// <summary>Ends a holder's lease.</summary>
    /// <param name="key">The key.</param>
    /// <param name="holderId">Whose lease.</param>
    /// <param name="paper">What was voted on, where its fence may live on as it is; else null.</param>
    /// <param name="answers">Told of the <see cref="StoreReply"/>, on another thread.</param>
    /// <param name="place">The node's place among those that are asked.</param>
    void Release(string key, string holderId, BallotPaper? paper, INodeAnswers<object> answers, int place);

    /// <summary>What is asked of <see cref="Store"/> from now on comes behind all votes and releases that were asked for.</summary>
    void Flush();

    /// <summary>Raises the holder's token to the one that was agreed on.</summary>
    /// <returns>False when the holder does not hold the lock there.</returns>
    Task<bool> RaiseTokenAsync(string key, string holderId, long token, CancellationToken cancellationToken);

    /// <summary>Takes a vote back, in order behind the vote and before the next one.</summary>
    Task WithdrawAsync(string key, string holderId, bool quietly, CancellationToken cancellationToken);

    /// <summary>Whether it has lost its memory, so that it does not vote for now and what it says of a lease counts for nothing.</summary>
    /// <exception cref="LockStoreException">No answer.</exception>
    Task<bool> HasForgottenAsync(CancellationToken cancellationToken);
}

/// <summary>What a server says to a holder.</summary>
internal enum VoteKind
{
    /// <summary>Yes: the holder has the lock there.</summary>
    Granted,

    /// <summary>No: somebody else has it there.</summary>
    Busy,

    /// <summary>Nothing: it has restarted, and may have forgotten whom it voted for.</summary>
    Abstained,
}

/// <summary>A vote.</summary>
/// <param name="Kind">Yes, no, or nothing.</param>
/// <param name="Token">Yes: the token there.</param>
/// <param name="HeldBefore">Yes: the holder had the lock there already.</param>
/// <param name="Remaining">No: what is left of the lease there. Nothing: for how long still.</param>
/// <param name="HolderId">No: who has it.</param>
/// <param name="IsStranger">No: whether that is a client of another library.</param>
internal sealed record Vote(
    VoteKind Kind, long Token = 0, bool HeldBefore = false, TimeSpan? Remaining = null, string? HolderId = null, bool IsStranger = false);
