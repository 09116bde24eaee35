namespace Locking;

/// <summary>Steps that ask the store of every node the same.</summary>
internal sealed class StoreSteps(QuorumNodes nodes)
{
    /// <summary>Asks, and waits until a quorum has done it, or nobody is missing.</summary>
    public Task<StoreReplies> AskAsync(
        string step,
        IReadOnlyList<IQuorumNode> asked,
        TimeSpan limit,
        Func<ILockStore, ValueTask<StoreReply>> ask,
        CancellationToken cancellationToken) => CountAsync(
        step,
        asked,
        Begin(asked, ask),
        (replies, _) => replies.Count(static reply => reply == StoreReply.Done) >= nodes.Needed,
        limit,
        cancellationToken);

    /// <summary>Begins steps.</summary>
    public static Task<object>[] Begin(IReadOnlyList<IQuorumNode> asked, Func<ILockStore, ValueTask<StoreReply>> ask) =>
        [.. asked.Select(async Task<object> (node) =>
        {
            node.Flush();
            return await ask(node.Store).ConfigureAwait(false);
        })];

    /// <summary>The answers to steps that were begun.</summary>
    /// <param name="step">The step, for messages.</param>
    /// <param name="asked">Who is asked.</param>
    /// <param name="requests">The steps.</param>
    /// <param name="decides">Whether the answers by node so far decide, given how many are missing.</param>
    /// <param name="limit">The longest wait.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <param name="doneLate">Told of each node whose step was done when it was not waited for any more.</param>
    public async Task<StoreReplies> CountAsync(
        string step,
        IReadOnlyList<IQuorumNode> asked,
        Task<object>[] requests,
        Func<StoreReply?[], int, bool> decides,
        TimeSpan limit,
        CancellationToken cancellationToken,
        Action<int>? doneLate = null)
    {
        Ballot<object> ballot = await TaskBallot<object>.HoldAsync(
            requests,
            (answers, missing) => decides(ByNode(asked, answers), missing),
            limit,
            nodes.Alarms,
            cancellationToken,
            (i, answer) =>
            {
                if (answer is StoreReply.Done)
                    doneLate?.Invoke(asked[i].Index);
            }).ConfigureAwait(false);
        return Of(step, asked, ballot);
    }

    /// <summary>The answers of a ballot that has ended.</summary>
    public StoreReplies Of(string step, IReadOnlyList<IQuorumNode> asked, Ballot<object> ballot)
    {
        var reasons = new List<string>();
        for (int i = 0; i < asked.Count; i++)
        {
            if (ballot.Answers[i] is null)
                reasons.Add((ballot.FaultOf(i) as LockStoreException)?.Message ?? $"{asked[i].Name} did not answer in time ({step})");
        }

        return new StoreReplies(
            ByNode(asked, ballot.Answers),
            [.. reasons],
            !ballot.Faults.Any(static fault => fault is LockStoreException { IsTransient: false }),
            ballot.Faults.FirstOrDefault(static fault => fault is LockStoreException));
    }

    private StoreReply?[] ByNode(IReadOnlyList<IQuorumNode> asked, object?[] answers)
    {
        StoreReply?[] replies = new StoreReply?[nodes.Count];
        for (int i = 0; i < asked.Count; i++)
            replies[asked[i].Index] = (StoreReply?)answers[i];
        return replies;
    }
}
