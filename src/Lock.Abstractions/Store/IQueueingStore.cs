namespace Locking.Providers;

/// <summary>Optional ability of a store: keeps a place in line for who waits, so that other processes do not overtake.</summary>
public interface IQueueingStore
{
    /// <summary>Whether this store does it as it is configured. Never changes. Who waits then asks with <see cref="AcquireRequest.Queue"/>,
    /// and is released when it gives up.</summary>
    bool IsQueueing { get; }
}
