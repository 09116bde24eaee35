namespace Locking.Providers;

/// <summary>What a backend must do. Each call is one atomic step on one lock record; the engine does everything else once.</summary>
/// <remarks>
/// <para>Rules that every store keeps; the conformance kit checks each of them (numbers as in docs/guarantees.md):</para>
/// <list type="bullet">
/// <item>The holder id is checked on every extend and release. Nothing is ever released by key alone, but by force.</item>
/// <item>The same holder asking again gets the same token and a fresh TTL, so that a retry after a lost reply is safe.</item>
/// <item>The TTL is a duration; the backend's own clock decides expiry. An expired lease cannot be extended, even if nobody took it.</item>
/// <item>Extending never creates a lease.</item>
/// <item>Fencing tokens rise strictly per key, across release, expiry and restart; they are fixed before the grant is answered and stay
/// below 2^53.</item>
/// <item>A refused step leaves the record as it was.</item>
/// <item>"No" is a value; "no answer" is a <see cref="LockStoreException"/>. Cancelled is <see cref="OperationCanceledException"/>,
/// promptly, whatever the backend is doing; the outcome is then unknown.</item>
/// <item>Every call has a time limit of the store's own (<c>connection.commandTimeout</c>).</item>
/// </list>
/// <para>
/// Optional abilities are small interfaces beside this one, which the engine looks for once: <see cref="IReleaseSignal"/>,
/// <see cref="IWaitingStore"/>, <see cref="IQueueingStore"/>, <see cref="ILossSignal"/>, <see cref="IForceReleaseStore"/>.
/// </para>
/// </remarks>
public interface ILockStore : IAsyncDisposable
{
    /// <summary>The backend's type, such as <c>redis</c>, for telemetry and messages.</summary>
    string Type { get; }

    /// <summary>Takes the lock for a holder if nobody else holds it.</summary>
    /// <remarks>If the holder itself holds it: same token, fresh TTL. If somebody else does: nothing changes (but the holder's place in
    /// the backend's queue, where <see cref="AcquireRequest.Queue"/> asks for one).</remarks>
    /// <exception cref="LockStoreException">The backend failed or did not answer.</exception>
    ValueTask<AcquireReply> TryAcquireAsync(AcquireRequest request, CancellationToken cancellationToken);

    /// <summary>Restarts the TTL of a live lease. Never creates one, never revives an expired one.</summary>
    /// <param name="key">The whole key.</param>
    /// <param name="holderId">The holder.</param>
    /// <param name="ttl">New lifetime, counted by the backend's clock: at least 1 ms, or <see cref="Timeout.InfiniteTimeSpan"/>.</param>
    /// <param name="cancellationToken">Leaves the outcome unknown.</param>
    /// <exception cref="LockStoreException">The backend failed or did not answer.</exception>
    ValueTask<StoreReply> TryExtendAsync(string key, string holderId, TimeSpan ttl, CancellationToken cancellationToken);

    /// <summary>Ends a holder's lease, and gives up the holder's place in the backend's queue if it has one.</summary>
    /// <param name="key">The whole key.</param>
    /// <param name="holderId">The holder.</param>
    /// <param name="cancellationToken">Leaves the outcome unknown.</param>
    /// <exception cref="LockStoreException">The backend failed or did not answer.</exception>
    ValueTask<StoreReply> TryReleaseAsync(string key, string holderId, CancellationToken cancellationToken);

    /// <summary>Reads one record. Diagnostics only.</summary>
    /// <returns>The live lease, or null when nobody holds the lock.</returns>
    /// <exception cref="LockStoreException">The backend failed or did not answer.</exception>
    ValueTask<LockInfo?> GetAsync(string key, CancellationToken cancellationToken);

    /// <summary>Lists the live leases whose key begins with a prefix (ordinal), in no order. Diagnostics only; not a snapshot.</summary>
    /// <exception cref="LockStoreException">The backend failed or did not answer.</exception>
    IAsyncEnumerable<LockInfo> ListAsync(string prefix, CancellationToken cancellationToken);
}
