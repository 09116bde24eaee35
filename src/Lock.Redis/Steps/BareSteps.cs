using StackExchange.Redis;

namespace Locking;

/// <summary>The steps where the record is another client's: it has the holder's id alone (or a hash), and token, owner and lines are in
/// companions of the key.</summary>
internal class BareSteps(KeyLayout layout, ChannelNames channels, TimeSpan retention) : RecordSteps
{
    private readonly TimeSpan _retention = retention;
    private readonly RedisValue _retentionValue = Milliseconds(retention);

    /// <inheritdoc/>
    public override StoreStepCall Acquire(AcquireRequest request, bool waits, long sentAt)
    {
        LockKeys keys = layout.KeysOf(request.Key);
        RedisValue[] values = request.Queue || layout.OthersGiveNotice
            ?
            [
                request.HolderId, TtlValue(request.Ttl), request.Owner, LifeValue(request.Ttl),
                request.Queue ? 1 : 0, layout.OthersGiveNotice ? 1 : 0,
            ]
            : [request.HolderId, TtlValue(request.Ttl), request.Owner, LifeValue(request.Ttl)];
        return Call(layout.Scripts.Acquire, keys, waits ? 4 : 3, values);
    }

    /// <inheritdoc/>
    public override StoreStepCall Extend(string key, string holderId, TimeSpan ttl) =>
        Call(layout.Scripts.Extend, layout.KeysOf(key), 2, [holderId, TtlValue(ttl), LifeValue(ttl)]);

    /// <inheritdoc/>
    public override StoreStepCall Release(string key, string holderId)
    {
        LockKeys keys = layout.KeysOf(key);
        RedisValue[] values = [holderId, _retentionValue, channels.Of(layout.Channel), layout.NoticeOf(keys, holderId)];
        return Call(layout.Scripts.Release, keys, layout.NamesWaiters ? 4 : 3, values);
    }

    /// <inheritdoc/>
    public override StoreStepCall Force(string key)
    {
        LockKeys keys = layout.KeysOf(key);
        RedisValue[] values = [_retentionValue, channels.Of(layout.Channel), layout.NoticeOf(keys, ""), channels.Of(ForcedChannel.Name)];
        return Call(layout.Scripts.Force, keys, 3, values);
    }

    /// <inheritdoc/>
    public override StoreStepCall Get(string key) => Call(layout.Scripts.Get, layout.KeysOf(key), 2, []);

    private RedisValue LifeValue(TimeSpan ttl) => FenceLife(ttl, _retention);

    private static StoreStepCall Call(RedisScript script, in LockKeys keys, int count, RedisValue[] values) =>
        new(script, keys.ToArray(count), values, keys.IsSplitOnCluster);
}
