namespace Locking;

/// <summary>Tells in the log who waits for a lock that the same <see cref="ILock"/> holds: it is not re-entrant, and most often such a call waits for itself.</summary>
/// <remarks>One look at all calls every few seconds, while anybody waits; nothing is done for a call that comes and goes.</remarks>
internal sealed class SelfWaits(StoreLock engine) : Alarm
{
    /// <summary>After this time a call is told.</summary>
    internal static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private int _isSet;

    /// <summary>Somebody begins to wait.</summary>
    public void Watch()
    {
        if (Volatile.Read(ref _isSet) == 0 && Interlocked.Exchange(ref _isSet, 1) == 0)
            engine.Alarms.Set(this, engine.Clock.TimestampIn(Patience));
    }

    internal override void Ring()
    {
        Volatile.Write(ref _isSet, 0);
        var waiting = engine.Contenders.ToList();
        if (waiting.Count == 0 || engine.Disposing.IsCancellationRequested)
            return;
        Watch();
        if (waiting.Exists(static contender => contender.IsToBeTold))
            ThreadPool.UnsafeQueueUserWorkItem(static engine => Tell(engine), engine, preferLocal: false);
    }

    private static void Tell(StoreLock engine)
    {
        foreach (var contender in engine.Contenders.ToList())
        {
            if (!contender.IsToBeTold || engine.OwnHolder(contender.Key) is not { } holder)
                continue;
            contender.IsTold = true;
            Log.WaitsForItself(engine.Logger, contender.Key, contender.Waited.TotalSeconds, holder);
        }
    }
}
