
namespace Locking.Conformance;

/// <summary>The guarantees of <see cref="ILockStore"/>, one fact or more for each (numbers as in docs/guarantees.md).</summary>
/// <remarks>
/// A provider derives one class, makes its stores in <see cref="LockStoreSuite.CreateStore()"/> and declares its
/// <see cref="LockStoreSuite.Abilities"/>; the facts are inherited. Nothing here knows a backend.
/// </remarks>
public abstract partial class LockStoreConformance : LockStoreSuite
{
    /// <summary>Makes a store whose backend cannot be reached. It must not throw: the first request does.</summary>
    /// <param name="closedPort">A TCP port of 127.0.0.1 where nothing listens, for those who need one.</param>
    /// <returns>The store; null only for a backend that lives in the calling process, which is always reached.</returns>
    protected abstract ILockStore? CreateUnreachableStore(int closedPort);

    /// <summary>Makes a store whose backend takes requests and never answers.</summary>
    /// <param name="silentPort">A TCP port of 127.0.0.1 that accepts connections and stays silent.</param>
    /// <param name="limit">The store's own time limit for connecting and for requests.</param>
    /// <returns>The store; null only for a backend without a connection, which cannot be silent.</returns>
    protected abstract ILockStore? CreateSilentStore(int silentPort, TimeSpan limit);

    /// <summary>Every step of the seam, by name, as a call on one key and holder.</summary>
    private IEnumerable<(string Name, Func<ILockStore, CancellationToken, Task> Call)> Steps(string key, string id)
    {
        yield return ("acquire", async (store, stop) => await store.TryAcquireAsync(Request(key, id), stop).ConfigureAwait(false));
        yield return ("extend", async (store, stop) => await store.TryExtendAsync(key, id, LongTtl, stop).ConfigureAwait(false));
        yield return ("release", async (store, stop) => await store.TryReleaseAsync(key, id, stop).ConfigureAwait(false));
        yield return ("get", async (store, stop) => await store.GetAsync(key, stop).ConfigureAwait(false));
        yield return ("list", async (store, stop) =>
        {
            await foreach (LockInfo? _ in store.ListAsync(key, stop).ConfigureAwait(false))
            {
                // Only that it ends counts.
            }
        });
    }
}
