namespace Locking.Torture;

/// <summary>What happened.</summary>
public enum EventKind
{
    /// <summary>First line: what the run promises, as text (<see cref="Promise"/>).</summary>
    Promised,

    /// <summary>A worker process has begun.</summary>
    Started,

    /// <summary>A worker process has ended in good order.</summary>
    Ended,

    /// <summary>A lock is asked for. Number: the wait in ticks, -1 for ever. Text: "renew" or "".</summary>
    Asked,

    /// <summary>The caller has the lock, with validity left. Number: when the loss is due,
    /// or <see cref="long.MaxValue"/> while it is renewed.</summary>
    Granted,

    /// <summary>Not free within the wait.</summary>
    Refused,

    /// <summary>The store failed, or the grant came too late. Text: why.</summary>
    Failed,

    /// <summary>The caller gave up.</summary>
    Cancelled,

    /// <summary>The lease was made longer. Number: when the loss is due now.</summary>
    Extended,

    /// <summary>The lost signal was seen. Number: when it was last seen not to be given. Text: the reason.</summary>
    Lost,

    /// <summary>The lock is about to be given back: from here on its holder relies on nothing.</summary>
    Releasing,

    /// <summary>It was given back. Text: the outcome.</summary>
    Released,

    /// <summary>The resource was read with a token. Number: the value.</summary>
    Read,

    /// <summary>The resource accepted a write. Number: the new value.</summary>
    Wrote,

    /// <summary>The resource refused a read or a write, since it has seen a higher token.</summary>
    Stale,

    /// <summary>A worker's watchdog did not run. Number: since when.</summary>
    Gap,

    /// <summary>The nemesis stops a process.</summary>
    Paused,

    /// <summary>It lets it go on.</summary>
    Resumed,

    /// <summary>It kills it.</summary>
    Killed,

    /// <summary>A fault of the store, the network or a worker begins. Text: which.</summary>
    Fault,

    /// <summary>It has ended. Number: when it began.</summary>
    Mended,

    /// <summary>The store forgot leases, as its topology may. Number: since when that could be.</summary>
    Forgot,

    /// <summary>No more faults: everybody must get the lock within the bound.</summary>
    Healed,

    /// <summary>No more requests: nothing may be left behind.</summary>
    Quiet,

    /// <summary>Something was left behind. Text: what.</summary>
    Left,

    /// <summary>Something happened that no caller may see, such as an exception of another kind. Text: what.</summary>
    Broken,
}
