using StackExchange.Redis;

namespace Locking;

/// <summary>Several steps that go to a server in one request.</summary>
internal sealed class NodeStepBatch(NodeStep[] steps) : ScriptCall
{
    /// <summary>The request.</summary>
    /// <param name="life">The key of the note about the server's vote.</param>
    /// <param name="channel">Where releases are told.</param>
    /// <param name="note">The note of all votes among the steps.</param>
    public StoreStepCall Write(RedisKey life, RedisValue channel, string note)
    {
        RedisValue[] values = new RedisValue[3 + steps.Sum(static step => step.ValueCount)];
        (values[0], values[1]) = (note, channel);
        values[2] = string.Create(steps.Length, steps, static (letters, all) =>
        {
            for (int i = 0; i < all.Length; i++)
                letters[i] = all[i].Kind;
        });
        int value = 3;
        foreach (NodeStep step in steps)
        {
            step.Write(values.AsSpan(value));
            value += step.ValueCount;
        }

        return new(ScriptSet.VoteBatch, [life], values);
    }

    /// <inheritdoc/>
    protected override void OnAnswer(RedisResult answer)
    {
        RedisResult[] answers = answer.Length == steps.Length ? (RedisResult[])answer! : [];
        for (int i = 0; i < steps.Length; i++)
        {
            if (i >= answers.Length)
                steps[i].FailShared(Refused("The answer to several steps has another number of them."));
            else if (answers[i].Resp2Type != ResultType.Integer && (string?)answers[i] is ['!', ' ', .. var why])
                steps[i].FailShared(Refused(why));
            else
                steps[i].AnswerShared(answers[i]);
        }
    }

    /// <inheritdoc/>
    protected override void OnFault(Exception fault)
    {
        foreach (NodeStep step in steps)
            step.FailShared(fault);
    }

    private LockStoreException Refused(string why) =>
        Wrapped(new RedisServerException(RedisErrorKind.Unknown, CommandFlags.CommandRetryNever, why));
}
