using System.Collections.Concurrent;

namespace Locking.Bench.Curves;

/// <summary>Ours in memory.</summary>
internal sealed class MemoryLibrary : ILockLibrary
{
    private readonly InMemoryLock _locks = new();

    public async Task<IAsyncDisposable> TakeAsync(string key, CancellationToken cancellationToken = default) =>
        await _locks.LockAsync(key, cancellationToken: cancellationToken);

    public ValueTask DisposeAsync() => _locks.DisposeAsync();
}

/// <summary>A bare semaphore for each key, kept for ever: no ttl, token, owner or renewal.</summary>
internal sealed class SemaphoreLibrary : ILockLibrary
{
    private readonly ConcurrentDictionary<string, SemaphoreSlim> _all = new(StringComparer.Ordinal);

    public async Task<IAsyncDisposable> TakeAsync(string key, CancellationToken cancellationToken = default)
    {
        SemaphoreSlim semaphore = _all.GetOrAdd(key, static _ => new SemaphoreSlim(1));
        await semaphore.WaitAsync(cancellationToken);
        return new Hold(semaphore);
    }

    public ValueTask DisposeAsync()
    {
        foreach (SemaphoreSlim semaphore in _all.Values)
            semaphore.Dispose();
        return ValueTask.CompletedTask;
    }

    private sealed class Hold(SemaphoreSlim semaphore) : IAsyncDisposable
    {
        public ValueTask DisposeAsync()
        {
            semaphore.Release();
            return ValueTask.CompletedTask;
        }
    }
}
