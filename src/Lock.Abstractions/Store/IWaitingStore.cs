namespace Locking.Providers;

/// <summary>Optional ability of a store: the backend itself queues waiters and answers when it grants.</summary>
public interface IWaitingStore
{
    /// <summary>Takes the lock, waiting for it in the backend's own queue.</summary>
    /// <remarks>
    /// A connection that breaks meanwhile is the store's to mend: it asks again with the same id. When the wait ends without a grant, or
    /// is cancelled, the place in the queue is given up; after a cancellation the outcome is unknown, and the engine releases the id.
    /// The grant's <see cref="AcquireReply.QueuedFor"/> must be exact or too small, never too large. As soon as the backend has said
    /// that the lock is held, <see cref="AcquireRequest.Progress"/> is told: a wait whose time is up before this step has answered is busy
    /// if it was, and a fault if nothing was heard at all.
    /// </remarks>
    /// <param name="request">What is asked.</param>
    /// <param name="atMost">The longest wait; at least zero, or <see cref="Timeout.InfiniteTimeSpan"/>.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="LockStoreException">The backend failed or did not answer.</exception>
    ValueTask<AcquireReply> AcquireAsync(AcquireRequest request, TimeSpan atMost, CancellationToken cancellationToken);
}

/// <summary>Wants to know how a wait goes that a store does (<see cref="IWaitingStore"/>).</summary>
public interface IWaitProgress
{
    /// <summary>The backend has answered that somebody else holds the lock, and the request waits. May be told more than once, from any
    /// thread. Returns at once.</summary>
    void OnQueued();
}
