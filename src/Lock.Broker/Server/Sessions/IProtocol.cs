namespace Locking;

/// <summary>One of the sets of messages that are spoken on the lines of a broker, all of them over any connection.</summary>
internal interface IProtocol
{
    /// <summary>Handles a line. On the serving thread.</summary>
    /// <param name="session">Who sent it.</param>
    /// <param name="kind">A message, or not even that.</param>
    /// <param name="message">The message; valid during the call.</param>
    /// <returns>False when it is none of these messages, and nothing was done.</returns>
    bool TryHandle(ClientSession session, WireLine kind, in WireMessage message);

    /// <summary>Puts back what was granted in these messages by the broker before.</summary>
    /// <param name="lease">What is on record.</param>
    /// <param name="remaining">What is left of it.</param>
    /// <param name="claim">Its claim; null when newer ones hold its key.</param>
    /// <returns>False when it was granted in other ones.</returns>
    bool TryRestore(RecordedLease lease, TimeSpan remaining, out BrokerClaim? claim);

    /// <summary>A connection is over; its claims have been seen to.</summary>
    void OnEnded(ClientSession session, ConnectionEnd end);

    /// <summary>Does what is to be done by time.</summary>
    void KeepHouse(long now);
}
