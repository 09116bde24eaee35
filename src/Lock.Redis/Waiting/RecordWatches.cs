namespace Locking;

/// <summary>Who listens for one record. Guarded by <see cref="ReleaseWatches"/>.</summary>
internal sealed class RecordWatches
{
    /// <summary>All of them, in the order in which they came.</summary>
    public List<ReleaseWatch> Watches { get; } = [];

    /// <summary>Whether they hold back, since a notice named somebody else.</summary>
    public bool IsHoldingBack { get; set; }

    /// <summary>When the last such notice came.</summary>
    public long NoticedAt { get; private set; }

    /// <summary>When the first one came for which they hold back.</summary>
    public long FirstNoticedAt { get; private set; }

    /// <summary>The watch of the waiter with that id.</summary>
    public ReleaseWatch? WatchOf(string holderId) => Watches.Find(watch => watch.Asking == holderId);

    /// <summary>The watch that a waiter with that id may have: at last one that was served, since a waiter that cannot use what it was
    /// granted goes on with another id.</summary>
    public ReleaseWatch? WatchFor(string holderId) =>
        WatchOf(holderId) ?? UnclaimedWatch()
        ?? Watches.Find(static watch => watch.IsInherited) ?? Watches.Find(static watch => watch.IsServed);

    /// <summary>A watch whose waiter has not asked yet. One that was served is about to close: the next waiter has its own.</summary>
    public ReleaseWatch? UnclaimedWatch() => Watches.Find(static watch => watch.Asking is null && !watch.IsServed);

    /// <summary>A notice named somebody else.</summary>
    /// <returns>Whether that is the first one.</returns>
    public bool HoldsBack(long now)
    {
        NoticedAt = now;
        if (IsHoldingBack)
            return false;
        IsHoldingBack = true;
        FirstNoticedAt = now;
        return true;
    }
}
