using System.Runtime.CompilerServices;

namespace Locking.Core.Tests;

/// <summary>A store on a clock of the test's, whose every step the test can replace: by an answer, a fault, or a step that hangs.</summary>
internal sealed class ScriptedStore(TimeProvider time) : ILockStore, ILossSignal
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, (string Id, string Owner, long Token, long GrantedAt, TimeSpan Ttl)> _leases = [];
    private long _token = 1000;

    public event Action<StoreLoss>? LeaseLost;

    public string Type { get; init; } = "scripted";

    public List<string> Steps { get; } = [];

    public int Acquires => Count("acquire");

    public int Extends => Count("extend");

    public int Releases => Count("release");

    public bool IsDisposed { get; private set; }

    /// <summary>Instead of an acquire: gets the request and the real step.</summary>
    public Func<AcquireRequest, Func<AcquireReply>, CancellationToken, ValueTask<AcquireReply>>? OnAcquire { get; set; }

    public Func<string, TimeSpan, Func<StoreReply>, CancellationToken, ValueTask<StoreReply>>? OnExtend { get; set; }

    public Func<string, Func<StoreReply>, CancellationToken, ValueTask<StoreReply>>? OnRelease { get; set; }

    public void Lose(string? key, string? id, LostReason reason) => LeaseLost?.Invoke(new StoreLoss(key, id, reason));

    /// <summary>Somebody else, who is not part of the test, holds the key from now on.</summary>
    public void HoldElsewhere(string key, TimeSpan ttl)
    {
        lock (_gate)
            _leases[key] = ("elsewhere", "elsewhere", ++_token, time.GetTimestamp(), ttl);
    }

    public void Remove(string key)
    {
        lock (_gate)
            _leases.Remove(key);
    }

    public string? HolderOf(string key) => Live(key)?.Id;

    public TimeSpan? RemainingOf(string key) => Live(key) is { } lease ? Left(lease) : null;

    public ValueTask<AcquireReply> TryAcquireAsync(AcquireRequest request, CancellationToken cancellationToken)
    {
        Note("acquire");
        AcquireReply Step()
        {
            lock (_gate)
            {
                if (Live(request.Key) is { } held && held.Id != request.HolderId)
                    return AcquireReply.Busy(Left(held));
                long token = Live(request.Key)?.Token ?? ++_token;
                _leases[request.Key] = (request.HolderId, request.Owner, token, time.GetTimestamp(), request.Ttl);
                return AcquireReply.Granted(token);
            }
        }

        return OnAcquire is { } scripted ? scripted(request, Step, cancellationToken) : ValueTask.FromResult(Step());
    }

    public ValueTask<StoreReply> TryExtendAsync(string key, string holderId, TimeSpan ttl, CancellationToken cancellationToken)
    {
        Note("extend");
        StoreReply Step()
        {
            lock (_gate)
            {
                if (Live(key) is not { } held)
                    return StoreReply.NotHeld;
                if (held.Id != holderId)
                    return StoreReply.HeldByAnother;
                _leases[key] = held with { GrantedAt = time.GetTimestamp(), Ttl = ttl };
                return StoreReply.Done;
            }
        }

        return OnExtend is { } scripted ? scripted(key, ttl, Step, cancellationToken) : ValueTask.FromResult(Step());
    }

    public ValueTask<StoreReply> TryReleaseAsync(string key, string holderId, CancellationToken cancellationToken)
    {
        Note("release");
        StoreReply Step()
        {
            lock (_gate)
            {
                if (Live(key) is not { } held)
                    return StoreReply.NotHeld;
                if (held.Id != holderId)
                    return StoreReply.HeldByAnother;
                _leases.Remove(key);
                return StoreReply.Done;
            }
        }

        return OnRelease is { } scripted ? scripted(key, Step, cancellationToken) : ValueTask.FromResult(Step());
    }

    public ValueTask<LockInfo?> GetAsync(string key, CancellationToken cancellationToken) =>
        ValueTask.FromResult(Live(key) is { } held ? new LockInfo(key, held.Id, held.Owner, held.Token, Left(held)) : null);

    public async IAsyncEnumerable<LockInfo> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string[] keys;
        lock (_gate)
            keys = [.. _leases.Keys];
        foreach (string key in keys)
        {
            if (key.StartsWith(prefix, StringComparison.Ordinal) && await GetAsync(key, cancellationToken) is { } info)
                yield return info;
        }
    }

    public ValueTask DisposeAsync()
    {
        IsDisposed = true;
        return ValueTask.CompletedTask;
    }

    private (string Id, string Owner, long Token, long GrantedAt, TimeSpan Ttl)? Live(string key)
    {
        lock (_gate)
            return _leases.TryGetValue(key, out (string Id, string Owner, long Token, long GrantedAt, TimeSpan Ttl) held)
                && Left(held) != TimeSpan.Zero ? held : null;
    }

    private TimeSpan Left((string Id, string Owner, long Token, long GrantedAt, TimeSpan Ttl) held)
    {
        if (held.Ttl == Timeout.InfiniteTimeSpan)
            return held.Ttl;
        TimeSpan left = held.Ttl - time.GetElapsedTime(held.GrantedAt);
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }

    private int Count(string step)
    {
        lock (_gate)
            return Steps.Count(s => s == step);
    }

    private void Note(string step)
    {
        lock (_gate)
            Steps.Add(step);
    }
}
