using System.Collections.Concurrent;
using System.Runtime.CompilerServices;

namespace Locking;

/// <summary>Grants that may exist in the backend although nobody has them: given back in the background, until the backend
/// answers.</summary>
/// <remarks>Nothing is lost when the process ends first: such a grant then ends with its TTL, and locks without expiry are never left so
/// (see <see cref="Contender"/>).</remarks>
internal sealed class PendingReleases(StoreClient store, KeyTurns turns)
{
    private static readonly TimeSpan s_firstPause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan s_longestPause = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_requestLimit = TimeSpan.FromSeconds(10);

    /// <summary>A place in a backend's queue does not end with the ttl: so long it is asked to forget it, at least.</summary>
    private static readonly TimeSpan s_shortestPersistence = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_settleLimit = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<string, Task> _tasks = new(StringComparer.Ordinal);

    /// <summary>Gives back what a holder may hold, and its place in the backend's queue.</summary>
    /// <param name="key">The key.</param>
    /// <param name="holderId">The holder.</param>
    /// <param name="ttl">After this time the backend has forgotten it by itself.</param>
    public void Add(string key, string holderId, TimeSpan ttl) => _ = AddAsync(key, holderId, ttl);

    /// <summary>The same for a caller who wants to know it done; a backend that is silent is not waited for.</summary>
    public async Task SettledAsync(string key, string holderId, TimeSpan ttl)
    {
        try
        {
            await AddAsync(key, holderId, ttl).WaitAsync(s_settleLimit, store.Clock.Time).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // It goes on in the background.
        }
    }

    /// <summary>Completes when all that was added has been given back, or cannot be.</summary>
    public Task WhenAll() => Task.WhenAll(_tasks.Values);

    private Task AddAsync(string key, string holderId, TimeSpan ttl)
    {
        Task task = DetachedFlow.Start(() => Task.Run(() => ReleaseAsync(key, holderId, ttl)));
        _tasks[holderId] = task;
        _ = task.ContinueWith(
            (_, id) => _tasks.TryRemove((string)id!, out Task? _), holderId, CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        return task;
    }

    private async Task ReleaseAsync(string key, string holderId, TimeSpan ttl)
    {
        long start = store.Clock.Now;
        Backoff backoff = new(s_firstPause, s_longestPause);
        while (!store.Stopped.IsCancellationRequested)
        {
            try
            {
                await ReleaseOnceAsync(key, holderId).ConfigureAwait(false);
                return;
            }
            catch (Exception exception) when (exception is OperationCanceledException or LockStoreException { IsTransient: true })
            {
                TimeSpan passed = store.Clock.ElapsedSince(start);
                if (ttl != Timeout.InfiniteTimeSpan && passed > ttl && passed > s_shortestPersistence)
                    return;
            }
            catch (Exception)
            {
                return; // what no store should throw, or what does not pass: nobody is there to be told
            }

            try
            {
                await Task.Delay(backoff.Next(), store.Clock.Time, store.Stopped).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private async ValueTask ReleaseOnceAsync(string key, string holderId)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(store.Stopped);
        using var time = new CancellationTokenSource(s_requestLimit, store.Clock.Time);
        await using ConfiguredAsyncDisposable registration =
            time.Token.UnsafeRegister(static l => ((CancellationTokenSource)l!).Cancel(), limit).ConfigureAwait(false);
        if (await store.TryReleaseAsync(key, holderId, limit.Token).ConfigureAwait(false) == StoreReply.Done)
            turns.Nudge(key);
    }
}
