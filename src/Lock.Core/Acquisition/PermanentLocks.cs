namespace Locking;

/// <summary>Locks without expiry, which are taken in two steps.</summary>
/// <remarks>
/// A request that the backend applies when nobody wants it any more ends with its TTL; one without a TTL would stay. So such a lock is
/// first taken with <see cref="ProvisionalTtl"/>, and made permanent by a second request, which never creates anything.
/// </remarks>
internal sealed class PermanentLocks(StoreClient store, PendingReleases pending)
{
    internal static readonly TimeSpan ProvisionalTtl = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(50);

    /// <summary>The TTL of the first step.</summary>
    public static TimeSpan FirstTtl(EffectiveOptions options) =>
        options.FirstTtl == Timeout.InfiniteTimeSpan ? ProvisionalTtl : options.FirstTtl;

    /// <summary>Takes the second step, asking again while the first one lasts.</summary>
    /// <param name="request">The first step.</param>
    /// <param name="begun">No later than the moment the backend began its lease.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>False when the provisional lease was gone before.</returns>
    /// <exception cref="ArgumentException">The store has no locks without expiry. Nothing is left of the try.</exception>
    public async ValueTask<bool> TryKeepAsync(AcquireRequest request, long begun, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                return await store.TryExtendAsync(request.Key, request.HolderId, Timeout.InfiniteTimeSpan, cancellationToken)
                    .ConfigureAwait(false) == StoreReply.Done;
            }
            catch (ArgumentException)
            {
                await pending.SettledAsync(request.Key, request.HolderId, ProvisionalTtl).ConfigureAwait(false);
                throw;
            }
            catch (LockStoreException exception) when (exception.IsTransient && store.Clock.ElapsedSince(begun) < ProvisionalTtl)
            {
                await Task.Delay(s_pause, store.Clock.Time, cancellationToken).ConfigureAwait(false);
            }
        }
    }
}
