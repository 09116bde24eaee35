using System.Runtime.CompilerServices;

namespace Locking.Tests;

/// <summary>One lease per key in a dictionary; nothing expires.</summary>
public sealed class SmallestStore(string type) : ILockStore
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, (AcquireRequest Request, long Token)> _held = new(StringComparer.Ordinal);
    private long _last;

    public bool IsDisposed { get; private set; }

    public string Type => type;

    public ValueTask<AcquireReply> TryAcquireAsync(AcquireRequest request, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        lock (_gate)
        {
            if (_held.TryGetValue(request.Key, out (AcquireRequest Request, long Token) held) && held.Request.HolderId != request.HolderId)
                return ValueTask.FromResult(AcquireReply.Busy(Timeout.InfiniteTimeSpan));
            long token = held.Request is null ? ++_last : held.Token;
            _held[request.Key] = (request, token);
            return ValueTask.FromResult(AcquireReply.Granted(token));
        }
    }

    public ValueTask<StoreReply> TryExtendAsync(string key, string holderId, TimeSpan ttl, CancellationToken cancellationToken)
    {
        lock (_gate)
            return ValueTask.FromResult(ReplyUnsynchronized(key, holderId));
    }

    public ValueTask<StoreReply> TryReleaseAsync(string key, string holderId, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            StoreReply reply = ReplyUnsynchronized(key, holderId);
            if (reply == StoreReply.Done)
                _held.Remove(key);
            return ValueTask.FromResult(reply);
        }
    }

    public ValueTask<LockInfo?> GetAsync(string key, CancellationToken cancellationToken)
    {
        lock (_gate)
            return ValueTask.FromResult(_held.TryGetValue(key, out (AcquireRequest Request, long Token) held) ? Describe(held) : null);
    }

    public async IAsyncEnumerable<LockInfo> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        List<LockInfo> all;
        lock (_gate)
            all = [.. _held.Values.Select(Describe).Where(info => info.Key.StartsWith(prefix, StringComparison.Ordinal))];
        await Task.CompletedTask;
        foreach (LockInfo info in all)
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return info;
        }
    }

    public ValueTask DisposeAsync()
    {
        IsDisposed = true;
        return ValueTask.CompletedTask;
    }

    private static LockInfo Describe((AcquireRequest Request, long Token) held) =>
        new(held.Request.Key, held.Request.HolderId, held.Request.Owner, held.Token, Timeout.InfiniteTimeSpan);

    private StoreReply ReplyUnsynchronized(string key, string holderId) =>
        !_held.TryGetValue(key, out (AcquireRequest Request, long Token) held) ? StoreReply.NotHeld
        : held.Request.HolderId == holderId ? StoreReply.Done
        : StoreReply.HeldByAnother;
}
