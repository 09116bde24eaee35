using StackExchange.Redis;

namespace Locking;

/// <summary>What a server of a quorum is asked in the common path, alone or with others: a vote, or the end of one.</summary>
/// <param name="paper">What it is about.</param>
/// <param name="note">The note under which it is a vote; null where it is the end of one.</param>
internal abstract class NodeStep(BallotPaper? paper, string? note) : ScriptCall
{
    /// <summary>How many arguments a vote has among others, and a release.</summary>
    private const int VoteValues = 6, ReleaseValues = 2;

    /// <summary>What it is about; null for a release that is asked for by the id alone.</summary>
    public BallotPaper? Paper => paper;

    /// <summary>The note under which it is a vote; null where it is the end of one.</summary>
    public string? Note => note;

    /// <summary>The letter of its kind among others (vote-batch.lua).</summary>
    public char Kind => note is null ? 'r' : 'v';

    /// <summary>How many arguments it has among others.</summary>
    public int ValueCount => note is null ? ReleaseValues : VoteValues;

    /// <summary>Writes its arguments where they stand among those of others.</summary>
    public void Write(Span<RedisValue> values)
    {
        values[0] = (byte[])paper!.Keys[0]!;
        if (note is null)
            values[1] = paper.Id;
        else
            (values[1], values[2], values[3], values[4], values[5]) =
                ((byte[])paper.Keys[1]!, paper.Id, paper.Ttl, paper.Proposal, paper.FenceLife);
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
