using StackExchange.Redis;

namespace Locking;

/// <summary>What a server of a quorum is asked in the common path, alone or with others: a vote, or the end of one.</summary>
/// <param name="paper">What it is about.</param>
/// <param name="note">The note under which it is a vote; null where it is the end of one.</param>
internal abstract class NodeStep(BallotPaper? paper, string? note) : ScriptCall
{
    /// <summary>How many keys and arguments a vote has among others, and a release.</summary>
    private const int VoteKeys = 2, VoteValues = 4, ReleaseKeys = 1, ReleaseValues = 1;

    /// <summary>What it is about; null for a release that is asked for by the id alone.</summary>
    public BallotPaper? Paper => paper;

    /// <summary>The note under which it is a vote; null where it is the end of one.</summary>
    public string? Note => note;

    /// <summary>The letter of its kind among others (vote-batch.lua).</summary>
    public char Kind => note is null ? 'r' : 'v';

    /// <summary>How many keys it has among others.</summary>
    public int KeyCount => note is null ? ReleaseKeys : VoteKeys;

    /// <summary>How many arguments it has among others.</summary>
    public int ValueCount => note is null ? ReleaseValues : VoteValues;

    /// <summary>Writes its keys and arguments where they stand among those of others.</summary>
    public void Write(Span<RedisKey> keys, Span<RedisValue> values)
    {
        paper!.Keys.AsSpan(0, KeyCount).CopyTo(keys);
        values[0] = paper.Id;
        if (note is not null)
            (values[1], values[2], values[3]) = (paper.Ttl, paper.Proposal, paper.FenceLife);
    }

    /// <summary>Its answer, among those of others.</summary>
    public void AnswerShared(RedisResult answer) => OnAnswered(answer, isShared: true);

    /// <summary>Its failure, among those of others.</summary>
    public void FailShared(Exception fault) => OnFailed(fault, isShared: true);

    /// <inheritdoc/>
    protected sealed override void OnAnswer(RedisResult answer) => OnAnswered(answer, isShared: false);

    /// <inheritdoc/>
    protected sealed override void OnFault(Exception fault) => OnFailed(fault, isShared: false);

    /// <summary>It was answered.</summary>
    /// <param name="answer">The answer.</param>
    /// <param name="isShared">Whether other answers are delivered behind it on the same thread, so that nobody may go on here.</param>
    protected abstract void OnAnswered(RedisResult answer, bool isShared);

    /// <summary>It failed.</summary>
    /// <param name="fault">The seam's exception, or that the caller gave up.</param>
    /// <param name="isShared">See <see cref="OnAnswered"/>.</param>
    protected abstract void OnFailed(Exception fault, bool isShared);
}
