using StackExchange.Redis;

namespace Locking;

/// <summary>The end of a lease on one server.</summary>
internal sealed class NodeRelease(RedisLockStore store, BallotPaper? paper, INodeAnswers<object> answers, int place) : NodeStep(paper, null)
{
    private static readonly object[] s_replies = [StoreReply.NotHeld, StoreReply.Done, StoreReply.HeldByAnother];

    /// <inheritdoc/>
    protected override void OnAnswered(RedisResult answer, bool isShared)
    {
        object reply;
        try
        {
            reply = s_replies[(int)store.ReadTold(answer)];
        }
        catch (Exception exception)
        {
            answers.Fail(place, Wrapped(exception), isShared);
            return;
        }

        answers.Answer(place, reply, isShared);
    }

    /// <inheritdoc/>
    protected override void OnFailed(Exception fault, bool isShared) => answers.Fail(place, fault, isShared);
}
