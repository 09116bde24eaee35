using System.Text;
using StackExchange.Redis;

namespace Locking;

/// <summary>The Redis keys of one lock: the record, and the companions beside it in the same hash slot.</summary>
/// <remarks>
/// A companion is <c>{tag} FF [record] FF letter</c>, where the tag is what Redis Cluster hashes of the record: its own hash tag, and then the
/// record is spelled out behind it, or else the whole record. The byte FF stands in no UTF-8 text, so that no key of anybody's is a companion.
/// </remarks>
internal readonly struct LockKeys
{
    /// <summary>A byte that is in no text.</summary>
    public const byte Mark = 0xFF;

    private const byte FenceLetter = (byte)'f';
    private const byte QueueLetter = (byte)'q';
    private const byte WaitersLetter = (byte)'w';

    /// <summary>Matches the fences, for SCAN.</summary>
    public static readonly byte[] FencePattern = [(byte)'{', (byte)'*', Mark, (byte)'*', Mark, FenceLetter];

    public LockKeys(string record)
    {
        Record = record;
        var open = record.IndexOf('{', StringComparison.Ordinal);
        var close = open < 0 ? -1 : record.IndexOf('}', open + 1);
        var tagged = close > open + 1;
        var tag = tagged ? record.AsSpan(open + 1, close - open - 1) : record;
        // A tag ends at the first closing brace: a record that is hashed whole and has one cannot be named by a tag.
        IsSplitOnCluster = !tagged && record.Contains('}', StringComparison.Ordinal);
        var stem = new byte[Encoding.UTF8.GetByteCount(tag) + (tagged ? Encoding.UTF8.GetByteCount(record) : 0) + 5];
        stem[0] = (byte)'{';
        var at = 1 + Encoding.UTF8.GetBytes(tag, stem.AsSpan(1));
        stem[at++] = (byte)'}';
        stem[at++] = Mark;
        if (tagged)
            at += Encoding.UTF8.GetBytes(record, stem.AsSpan(at));
        stem[at++] = Mark;
        var queue = stem.AsSpan().ToArray();
        var waiters = stem.AsSpan().ToArray();
        stem[at] = FenceLetter;
        queue[at] = QueueLetter;
        waiters[at] = WaitersLetter;
        Fence = stem;
        Queue = queue;
        Waiters = waiters;
    }

    /// <summary>The lock record.</summary>
    public string Record { get; }

    /// <summary>The fence: last token, its holder and owner.</summary>
    public byte[] Fence { get; }

    /// <summary>The queue of waiters of fair locks.</summary>
    public byte[] Queue { get; }

    /// <summary>Those who wait for a notice, in the order in which they began to.</summary>
    public byte[] Waiters { get; }

    /// <summary>Whether the companions fall into another slot of a Redis Cluster than the record.</summary>
    public bool IsSplitOnCluster { get; }

    /// <summary>The keys that a script is given.</summary>
    public RedisKey[] ToArray(int count) => count switch
    {
        2 => [Record, Fence],
        3 => [Record, Fence, Queue],
        4 => [Record, Fence, Queue, Waiters],
        _ => throw new ArgumentOutOfRangeException(nameof(count)),
    };

    /// <summary>The record that a fence belongs to; null when the key is no fence.</summary>
    public static string? RecordOfFence(ReadOnlySpan<byte> fence)
    {
        var mark = fence.IndexOf(Mark);
        if (mark < 3 || fence[^1] != FenceLetter || fence[^2] != Mark)
            return null;
        return mark == fence.Length - 2
            ? null
            : Encoding.UTF8.GetString(mark == fence.Length - 3 ? fence[1..(mark - 1)] : fence[(mark + 1)..^2]);
    }
}
