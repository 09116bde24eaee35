using System.Text;
using StackExchange.Redis;

namespace Locking;

/// <summary>The Redis keys of one lock of the native format: the record, the token counter of its hash slot, and the line of those who wait.</summary>
/// <remarks>Counter and line fall into the record's slot and begin with the prefix. The byte FF, which stands in no UTF-8 text, keeps them apart from
/// every key of anybody's. A name with a hash tag of its own goes on <c>FF c</c> or <c>FF l</c>; behind any other stand letters that steer it there.</remarks>
internal readonly struct NativeKeys
{
    private const byte CounterLetter = (byte)'c';
    private const byte LineLetter = (byte)'l';

    private readonly byte[] _prefix;
    private readonly byte[] _record;

    public NativeKeys(byte[] prefix, string key)
    {
        _prefix = prefix;
        _record = new byte[prefix.Length + Encoding.UTF8.GetByteCount(key)];
        prefix.CopyTo(_record.AsSpan());
        Encoding.UTF8.GetBytes(key, _record.AsSpan(prefix.Length));
    }

    /// <summary>The lock record.</summary>
    public byte[] Record => _record;

    /// <summary>The record, and the counter.</summary>
    public RedisKey[] WithCounter() => [_record, Counter(HashSlots.Of(_record))];

    /// <summary>The record, the counter, and the line.</summary>
    public RedisKey[] WithLine()
    {
        var slot = HashSlots.Of(_record);
        return [_record, Counter(slot), Beside(_record, LineLetter, slot)];
    }

    /// <summary>The counter of the slot that a record falls into.</summary>
    private byte[] Counter(int slot) => Beside(_prefix, CounterLetter, slot);

    private static byte[] Beside(byte[] name, byte letter, int slot)
    {
        var isTagged = HashSlots.IsTagged(name);
        var beside = new byte[name.Length + 2 + (isTagged ? 0 : HashSlots.Letters)];
        name.CopyTo(beside, 0);
        beside[name.Length] = LockKeys.Mark;
        beside[name.Length + 1] = letter;
        if (!isTagged)
            HashSlots.Steer(beside, slot);
        return beside;
    }
}
