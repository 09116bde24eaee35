using System.Runtime.CompilerServices;

namespace Locking.Bench.Engine;

/// <summary>A backend that costs nothing: every lock is free, every step succeeds. What is left is the engine.</summary>
/// <param name="answersLater">Answers on the thread pool, as one over a network does, and not at once.</param>
internal sealed class NullStore(bool answersLater) : ILockStore
{
    private long _token;

    public string Type => "null";

    public async ValueTask<AcquireReply> TryAcquireAsync(AcquireRequest request, CancellationToken cancellationToken)
    {
        if (answersLater)
            await Task.Yield();
        return AcquireReply.Granted(Interlocked.Increment(ref _token));
    }

    public async ValueTask<StoreReply> TryExtendAsync(string key, string holderId, TimeSpan ttl, CancellationToken cancellationToken)
    {
        if (answersLater)
            await Task.Yield();
        return StoreReply.Done;
    }

    public async ValueTask<StoreReply> TryReleaseAsync(string key, string holderId, CancellationToken cancellationToken)
    {
        if (answersLater)
            await Task.Yield();
        return StoreReply.Done;
    }

    public ValueTask<LockInfo?> GetAsync(string key, CancellationToken cancellationToken) => default;

    public async IAsyncEnumerable<LockInfo> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.CompletedTask;
        yield break;
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
