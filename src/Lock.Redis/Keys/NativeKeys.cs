using System.Text;
using StackExchange.Redis;

namespace Locking;

/// <summary>The Redis keys of one lock of the native format: the record, the token counter of its hash slot, and the line of those who
/// wait.</summary>
/// <remarks>Counter and line fall into the record's slot and begin with the prefix. The byte FF, which stands in no UTF-8 text, keeps them
/// apart from every key of anybody's. A name with a hash tag of its own goes on <c>FF c</c> or <c>FF l</c>; behind any other stand letters
/// that steer it there.</remarks>
internal readonly struct NativeKeys
{
    private const byte LineLetter = (byte)'l';

    private readonly CounterNames _counters;
    private readonly byte[] _record;

    public NativeKeys(CounterNames counters, string key)
    {
        _counters = counters;
        ReadOnlySpan<byte> prefix = counters.Prefix;
        _record = new byte[prefix.Length + Encoding.UTF8.GetByteCount(key)];
        prefix.CopyTo(_record);
        Encoding.UTF8.GetBytes(key, _record.AsSpan(prefix.Length));
    }

    /// <summary>The lock record.</summary>
    public byte[] Record => _record;

    /// <summary>The record, and the counter.</summary>
    public RedisKey[] WithCounter() => [_record, _counters.Of(HashSlots.Of(_record))];

    /// <summary>The record, the counter, and the line.</summary>
    public RedisKey[] WithLine()
    {
        int slot = HashSlots.Of(_record);
        return [_record, _counters.Of(slot), Beside(_record, LineLetter, slot)];
    }

    /// <summary>A name that begins as another and falls into a slot: that of the other where it has a hash tag.</summary>
    public static byte[] Beside(byte[] name, byte letter, int slot)
    {
        bool isTagged = HashSlots.IsTagged(name);
        byte[] beside = new byte[name.Length + 2 + (isTagged ? 0 : HashSlots.Letters)];
        name.CopyTo(beside, 0);
        beside[name.Length] = LockKeys.Mark;
        beside[name.Length + 1] = letter;
        if (!isTagged)
            HashSlots.Steer(beside, slot);
        return beside;
    }
}
