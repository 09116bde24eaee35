namespace Locking;

/// <summary>How a client speaks to a broker over one connection. Answers are told to the request.</summary>
internal interface IBrokerDialect
{
    /// <summary>How often <see cref="Watch"/> is to be called while requests are open.</summary>
    TimeSpan WatchPeriod { get; }

    /// <summary>Takes what the broker says. By whoever reads.</summary>
    void OnMessage(in WireMessage message);

    /// <summary>Asks for a lock.</summary>
    void AskAcquire(PendingAnswer pending);

    /// <summary>Asks for a new end of a lease.</summary>
    void AskExtend(PendingAnswer pending, string key, string holderId, TimeSpan ttl);

    /// <summary>Gives a lease back.</summary>
    /// <param name="pending">The request.</param>
    /// <param name="key">The key.</param>
    /// <param name="holderId">The holder.</param>
    /// <param name="lease">The lease, where this client holds it. The broker at this connection may have been started after the
    /// grant.</param>
    void AskRelease(PendingAnswer pending, string key, string holderId, HeldLease? lease);

    /// <summary>Shows the broker what this client believes to hold.</summary>
    void AskReclaim(PendingAnswer pending, HeldLease lease, TimeSpan remaining);

    /// <summary>Asks who holds a lock.</summary>
    void AskGet(PendingAnswer pending, string key);

    /// <summary>Takes a lock away from whoever holds it.</summary>
    void AskForce(PendingAnswer pending, string key);

    /// <summary>Asks what is held.</summary>
    void AskList(PendingAnswer pending, string prefix);

    /// <summary>Asks how the broker is.</summary>
    void AskStatus(PendingAnswer pending);

    /// <summary>Gives a place in the queue up; the acquire itself is then answered.</summary>
    void TellWithdraw(PendingAnswer pending);

    /// <summary>Says that what is held over the connection is not given up with it, where the broker knows such.</summary>
    void TellStay();

    /// <summary>Nobody waits for that answer any more.</summary>
    void Forget(PendingAnswer pending);

    /// <summary>Does what is to be done by time.</summary>
    /// <param name="quietFor">How long the broker has said nothing.</param>
    void Watch(TimeSpan quietFor);

    /// <summary>The connection has ended.</summary>
    void OnEnded();
}
