namespace Locking;

/// <summary>What a broker keeps for the clients of the published protocol, beside the locks themselves.</summary>
internal sealed class PublishedState(BrokerLocks locks, TimeSpan acknowledgeTimeout)
{
    /// <summary>The locks.</summary>
    public BrokerLocks Locks => locks;

    /// <summary>The readers and writers that they count.</summary>
    public ReaderCounts Readers { get; } = new();

    /// <summary>Leases that ended otherwise than by their client.</summary>
    public EndedIds EndedIds { get; } = new();

    /// <summary>Grants out of the queue, which are to be acknowledged by then.</summary>
    public DueQueue<PublishedClaim> Unacknowledged { get; } = new(locks.Records.Time, acknowledgeTimeout);
}
