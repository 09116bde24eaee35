using Microsoft.Extensions.Logging;

namespace Locking;

/// <summary>Tells in the log who waits for a lock that the same <see cref="ILock"/> holds: it is not re-entrant, and most often such a call
/// waits for itself.</summary>
/// <remarks>One look at all calls every few seconds, while anybody waits; nothing is done for a call that comes and goes.</remarks>
/// <param name="alarms">Wakes it for the next look.</param>
/// <param name="log">Where it tells.</param>
/// <param name="waiting">Who waits now; nobody when the <see cref="ILock"/> is disposed.</param>
/// <param name="holderOf">Who of the same <see cref="ILock"/> holds a key, in words; null when nobody does.</param>
internal sealed class SelfWaits(
    AlarmClock alarms, ILogger log, Func<IEnumerable<ISelfWait>> waiting, Func<string, string?> holderOf) : Alarm
{
    /// <summary>After this time a call is told.</summary>
    internal static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private int _isSet;

    /// <summary>Somebody begins to wait.</summary>
    public void Watch()
    {
        if (Volatile.Read(ref _isSet) == 0 && Interlocked.Exchange(ref _isSet, 1) == 0)
            alarms.Set(this, alarms.Clock.TimestampIn(Patience));
    }

    /// <summary>The look takes gates, and a log is other people's code: neither is for the alarm clock's thread.</summary>
    internal override void Ring()
    {
        Volatile.Write(ref _isSet, 0);
        ThreadPool.UnsafeQueueUserWorkItem(static self => self.Look(), this, preferLocal: false);
    }

    private void Look()
    {
        foreach (ISelfWait call in waiting())
        {
            Watch();
            TimeSpan waited = call.Waited;
            if (call.IsTold || waited < Patience || holderOf(call.Key) is not { } holder)
                continue;
            call.IsTold = true;
            Log.WaitsForItself(log, call.Key, waited.TotalSeconds, holder);
        }
    }
}
