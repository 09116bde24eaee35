using System.Text;
using StackExchange.Redis;

namespace Locking;

/// <summary>The Redis keys of one lock: the record, and the companions beside it in the same hash slot.</summary>
/// <remarks>
/// <para>A companion begins as its record does, so that one key pattern of an ACL lets a user have both. The byte FF stands in no UTF-8
/// text, so that no key of anybody's is a companion.</para>
/// <para>A record with a hash tag of its own has the companions <c>record FF letter</c>, whose tag is the same. Any other is hashed whole
/// by Redis Cluster, and its companions name it in a tag: <c>record FF {record} FF letter</c>. Since the first brace opens the tag, what
/// stands before it ends where a record has an opening brace.</para>
/// </remarks>
internal readonly struct LockKeys
{
    /// <summary>A byte that is in no text.</summary>
    public const byte Mark = 0xFF;

    private const byte FenceLetter = (byte)'f';
    private const byte QueueLetter = (byte)'q';
    private const byte WaitersLetter = (byte)'w';

    public LockKeys(string record)
    {
        Record = record;
        // A tag ends at the first closing brace: a record that is hashed whole and has one cannot be named by a tag.
        IsSplitOnCluster = !IsTagged(record, out _) && record.Contains('}', StringComparison.Ordinal);
        Fence = FenceOf(record);
        Queue = Fence.AsSpan().ToArray();
        Queue[^1] = QueueLetter;
        Waiters = Fence.AsSpan().ToArray();
        Waiters[^1] = WaitersLetter;
    }

    /// <summary>The fence of a record.</summary>
    public static byte[] FenceOf(string record)
    {
        bool isTagged = IsTagged(record, out int open);
        ReadOnlySpan<char> head = isTagged || open < 0 ? record : record.AsSpan(0, open);
        int length = Encoding.UTF8.GetByteCount(record);
        byte[] fence = new byte[Encoding.UTF8.GetByteCount(head) + 2 + (isTagged ? 0 : length + 3)];
        int at = Encoding.UTF8.GetBytes(head, fence);
        fence[at++] = Mark;
        if (!isTagged)
        {
            fence[at++] = (byte)'{';
            at += Encoding.UTF8.GetBytes(record, fence.AsSpan(at));
            fence[at++] = (byte)'}';
            fence[at++] = Mark;
        }

        fence[at] = FenceLetter;
        return fence;
    }

    /// <summary>Matches the fences of records that begin so, for SCAN; others may match as well.</summary>
    public static byte[] FencePattern(string prefix)
    {
        // What stands before the mark may end at the first opening brace.
        int open = prefix.IndexOf('{', StringComparison.Ordinal);
        return [.. RecordPattern(open < 0 ? prefix : prefix[..open]), Mark, FenceLetter];
    }

    /// <summary>Matches the keys that begin so, for SCAN.</summary>
    public static byte[] RecordPattern(string prefix)
    {
        var pattern = new StringBuilder();
        foreach (char letter in prefix)
            pattern.Append(letter is '*' or '?' or '[' or ']' or '\\' or '^' or '-' ? $"\\{letter}" : letter.ToString());
        return [.. Encoding.UTF8.GetBytes(pattern.ToString()), (byte)'*'];
    }

    /// <summary>The text of a name; null when it is none, as that of a counter or a line is.</summary>
    public static string? TextOf(byte[] name) => System.Text.Unicode.Utf8.IsValid(name) ? Encoding.UTF8.GetString(name) : null;

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
        if (fence.Length < 3 || fence[^1] != FenceLetter || fence[^2] != Mark)
            return null;
        ReadOnlySpan<byte> body = fence[..^2];
        int mark = body.IndexOf(Mark);
        if (mark < 0)
            return Encoding.UTF8.GetString(body);
        ReadOnlySpan<byte> tag = body[(mark + 1)..];
        return tag.Length > 2 && tag[0] == (byte)'{' && tag[^1] == (byte)'}' && tag.IndexOf(Mark) < 0
            ? Encoding.UTF8.GetString(tag[1..^1])
            : null;
    }

    private static bool IsTagged(string record, out int open)
    {
        open = record.IndexOf('{', StringComparison.Ordinal);
        return open >= 0 && record.IndexOf('}', open + 1) > open + 1;
    }
}
