namespace Locking;

/// <summary>The answers of several nodes to a release: decided when so many have done it that none is left to hold it for.</summary>
internal sealed class ReleaseRound(IReadOnlyList<IQuorumNode> asked, int needed) : Ballot<object>(asked.Count)
{
    /// <summary>Whether enough have done it.</summary>
    public bool IsDone => IsDecided(Answers, 0);

    /// <summary>Asks them.</summary>
    /// <param name="key">The key.</param>
    /// <param name="holderId">Whose lease.</param>
    /// <param name="paper">What was voted on, where the fences may live on as they are; else null.</param>
    public void Ask(string key, string holderId, BallotPaper? paper)
    {
        for (int i = 0; i < asked.Count; i++)
            asked[i].Release(key, holderId, paper, this, i);
    }

    /// <inheritdoc/>
    protected override bool IsDecided(object?[] answers, int missing)
    {
        int done = 0;
        foreach (object? answer in answers)
        {
            if (answer is StoreReply.Done && ++done == needed)
                return true;
        }

        return false;
    }
}
