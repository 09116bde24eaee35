using System.Collections.Concurrent;

namespace Locking.Torture;

/// <summary>Who releases is not looked at.</summary>
internal sealed class ReleasesByKey(ILockStore inner) : PlainStore(inner)
{
    public override ValueTask<StoreReply> TryReleaseAsync(string key, string holderId, CancellationToken cancellationToken) =>
        RemoveAsync(key, cancellationToken);
}

/// <summary>Who releases is looked at first, and the lock is removed a little later.</summary>
internal sealed class ChecksThenDeletes(ILockStore inner, TimeSpan between) : PlainStore(inner)
{
    public override async ValueTask<StoreReply> TryReleaseAsync(string key, string holderId, CancellationToken cancellationToken)
    {
        if (await Inner.GetAsync(key, cancellationToken) is not { } held)
            return StoreReply.NotHeld;
        if (held.Id != holderId)
            return StoreReply.HeldByAnother;
        await Task.Delay(between, TimeProvider.System, cancellationToken);
        return await RemoveAsync(key, cancellationToken);
    }
}

/// <summary>A renewal makes the lease anew where it has ended.</summary>
internal sealed class RenewalRecreates(ILockStore inner) : PlainStore(inner)
{
    public override async ValueTask<StoreReply> TryExtendAsync(string key, string holderId, TimeSpan ttl,
        CancellationToken cancellationToken)
    {
        StoreReply reply = await Inner.TryExtendAsync(key, holderId, ttl, cancellationToken);
        return reply != StoreReply.NotHeld
            ? reply
            : (await Inner.TryAcquireAsync(new AcquireRequest(key, holderId, "museum", ttl), cancellationToken)).IsGranted
            ? StoreReply.Done : StoreReply.HeldByAnother;
    }
}

/// <summary>A renewal is confirmed, and makes nothing longer.</summary>
internal sealed class RenewalDoesNothing(ILockStore inner) : PlainStore(inner)
{
    public override async ValueTask<StoreReply> TryExtendAsync(string key, string holderId, TimeSpan ttl,
        CancellationToken cancellationToken) =>
        await Inner.GetAsync(key, cancellationToken) is { } held && held.Id == holderId ? StoreReply.Done : StoreReply.NotHeld;
}

/// <summary>The store counts in whole units, and rounds down.</summary>
internal sealed class RoundsDown(ILockStore inner, TimeSpan unit) : PlainStore(inner)
{
    public override ValueTask<AcquireReply> TryAcquireAsync(AcquireRequest request, CancellationToken cancellationToken) =>
        Inner.TryAcquireAsync(new AcquireRequest(request.Key, request.HolderId, request.Owner, Down(request.Ttl)), cancellationToken);

    public override ValueTask<StoreReply> TryExtendAsync(string key, string holderId, TimeSpan ttl, CancellationToken cancellationToken) =>
        Inner.TryExtendAsync(key, holderId, Down(ttl), cancellationToken);

    private TimeSpan Down(TimeSpan ttl) => TimeSpan.FromTicks(Math.Max(1, (ttl.Ticks - 1) / unit.Ticks) * unit.Ticks);
}

/// <summary>Whether the other's lease has ended is decided by the client's own clock, which is ahead.</summary>
internal sealed class ClockOfTheClient(ILockStore inner, TimeSpan ahead) : PlainStore(inner)
{
    public override async ValueTask<AcquireReply> TryAcquireAsync(AcquireRequest request, CancellationToken cancellationToken)
    {
        if (await Inner.GetAsync(request.Key, cancellationToken) is { } held && held.Id != request.HolderId && held.Remaining < ahead)
            await Inner.TryReleaseAsync(request.Key, held.Id, cancellationToken);
        return await Inner.TryAcquireAsync(request, cancellationToken);
    }
}

/// <summary>The lock is set without an expiry, which follows in a request of its own.</summary>
internal sealed class SetsThenExpires(ILockStore inner, Random random) : PlainStore(inner)
{
    public override async ValueTask<AcquireReply> TryAcquireAsync(AcquireRequest request, CancellationToken cancellationToken)
    {
        AcquireReply reply = await Inner.TryAcquireAsync(new AcquireRequest(request.Key, request.HolderId, request.Owner,
            Timeout.InfiniteTimeSpan),
            cancellationToken);
        if (!reply.IsGranted)
            return reply;
        bool isLost;
        lock (random)
            isLost = random.Next(20) == 0;
        if (isLost)
            throw new LockStoreException("the connection broke between the two", isTransient: false);
        await Inner.TryExtendAsync(request.Key, request.HolderId, request.Ttl, cancellationToken);
        return reply;
    }
}

/// <summary>Whether it is free is looked at first, and it is taken a little later.</summary>
internal sealed class LooksThenTakes(ILockStore inner) : PlainStore(inner)
{
    public override async ValueTask<AcquireReply> TryAcquireAsync(AcquireRequest request, CancellationToken cancellationToken)
    {
        if (await Inner.GetAsync(request.Key, cancellationToken) is { } held && held.Id != request.HolderId)
            return AcquireReply.Busy(held.Remaining);
        await Task.Delay(TimeSpan.FromMilliseconds(2), TimeProvider.System, CancellationToken.None);
        await RemoveAsync(request.Key, cancellationToken);
        return await Inner.TryAcquireAsync(request, cancellationToken);
    }
}

/// <summary>A holder that asks again is refused by its own lease.</summary>
internal sealed class RefusedByItsOwnSuccess(ILockStore inner) : PlainStore(inner)
{
    public override async ValueTask<AcquireReply> TryAcquireAsync(AcquireRequest request, CancellationToken cancellationToken) =>
        await Inner.GetAsync(request.Key, cancellationToken) is { } held
            ? AcquireReply.Busy(held.Remaining)
            : await Inner.TryAcquireAsync(request, cancellationToken);
}

/// <summary>Tokens made in another way than the store inside makes them.</summary>
internal sealed class OtherTokens(ILockStore inner, Func<string, long> next, Action<string>? released = null) : PlainStore(inner)
{
    private readonly ConcurrentDictionary<string, long> _given = new(StringComparer.Ordinal);

    public override async ValueTask<AcquireReply> TryAcquireAsync(AcquireRequest request, CancellationToken cancellationToken)
    {
        AcquireReply reply = await Inner.TryAcquireAsync(request, cancellationToken);
        return reply.IsGranted ? AcquireReply.Granted(_given.GetOrAdd(request.HolderId, _ => next(request.Key))) : reply;
    }

    public override async ValueTask<StoreReply> TryReleaseAsync(string key, string holderId, CancellationToken cancellationToken)
    {
        StoreReply reply = await Inner.TryReleaseAsync(key, holderId, cancellationToken);
        if (reply == StoreReply.Done)
            released?.Invoke(key);
        return reply;
    }
}

/// <summary>Right, but slow in turns: the answer to a holder's first renewal, the request of its second.</summary>
internal sealed class SlowRenewals(ILockStore inner, TimeSpan back, TimeSpan there) : PlainStore(inner)
{
    private readonly ConcurrentDictionary<string, int> _renewals = new(StringComparer.Ordinal);

    public override async ValueTask<StoreReply> TryExtendAsync(string key, string holderId, TimeSpan ttl,
        CancellationToken cancellationToken)
    {
        bool isFirst = _renewals.AddOrUpdate(holderId, 1, static (_, times) => times + 1) % 2 == 1;
        if (!isFirst)
            await Task.Delay(there, TimeProvider.System, CancellationToken.None);
        StoreReply reply = await Inner.TryExtendAsync(key, holderId, ttl, CancellationToken.None);
        if (isFirst)
            await Task.Delay(back, TimeProvider.System, CancellationToken.None);
        return reply;
    }
}
