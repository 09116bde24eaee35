namespace Locking;

/// <summary>Requests that were answered in one batch of lines, in their order. Used by whoever reads.</summary>
internal sealed class AnsweredBatch
{
    private PendingAnswer? _first;
    private PendingAnswer? _last;

    /// <summary>One more.</summary>
    public void Add(PendingAnswer pending)
    {
        pending.IsAnswered = true;
        if (_last is null)
            _first = pending;
        else
            _last.NextAnswered = pending;
        _last = pending;
    }

    /// <summary>Takes them, the first of a chain.</summary>
    public PendingAnswer? Take()
    {
        PendingAnswer? first = _first;
        _first = _last = null;
        return first;
    }

    /// <summary>Goes on with what waits for them: on the pool, the last one here where that may be.</summary>
    public static void Tell(PendingAnswer? answered, bool mayRun)
    {
        while (answered is not null)
        {
            PendingAnswer? next = answered.NextAnswered;
            answered.NextAnswered = null;
            if (next is null && mayRun)
                answered.Execute();
            else
                ThreadPool.UnsafeQueueUserWorkItem(answered, preferLocal: mayRun);
            answered = next;
        }
    }

    /// <summary>Goes on with what waits for them, here where that is only the engine.</summary>
    public static void TellWithoutThePool(PendingAnswer? answered)
    {
        while (answered is not null)
        {
            PendingAnswer? next = answered.NextAnswered;
            answered.NextAnswered = null;
            answered.GoOnWithoutThePool();
            answered = next;
        }
    }
}
