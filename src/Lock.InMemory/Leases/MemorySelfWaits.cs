namespace Locking;

/// <summary>Tells in the log who waits for a lock that the same <see cref="InMemoryLock"/> holds, as <see cref="SelfWaits"/> does for the other backends.</summary>
internal sealed class MemorySelfWaits(InMemoryLock locks) : Alarm
{
    private int _isSet;

    /// <summary>Somebody begins to wait.</summary>
    public void Watch()
    {
        if (Volatile.Read(ref _isSet) == 0 && Interlocked.Exchange(ref _isSet, 1) == 0)
            locks.Alarms.Set(this, locks.Now + locks.Table.Clock.ToUnits(SelfWaits.Patience));
    }

    internal override void Ring()
    {
        Volatile.Write(ref _isSet, 0);
        ThreadPool.UnsafeQueueUserWorkItem(static self => self.Look(), this, preferLocal: false);
    }

    private void Look()
    {
        if (locks.HasEnded)
            return;
        foreach (var lease in locks.OwnLeases())
        {
            if (lease.State != ClaimState.Waiting)
                continue;
            Watch();
            var waited = locks.Context.TimeProvider.GetElapsedTime(lease.ArrivedAt);
            if (lease.IsTold || waited < SelfWaits.Patience || locks.Table.FirstHolder(lease.Key) is not MemoryLease holder || holder.Locks != locks)
                continue;
            lease.IsTold = true;
            Log.WaitsForItself(locks.Logger, lease.Key, waited.TotalSeconds, holder.Describe());
        }
    }
}
