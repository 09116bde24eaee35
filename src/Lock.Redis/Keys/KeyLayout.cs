using System.Text;
using StackExchange.Redis;

namespace Locking;

/// <summary>How a format names its keys and announces a release.</summary>
internal sealed class KeyLayout
{
    private const string NativeChannel = "lock:released";
    private const string SimpleRedisMutexChannel = "@simple-redis-mutex:locks-releases";

    private readonly CounterNames _counters;

    private KeyLayout(string format, string prefix, ScriptSet scripts, string channel, bool isNative = false)
    {
        IsNative = isNative;
        _counters = new CounterNames(Encoding.UTF8.GetBytes(prefix));
        Format = format;
        Prefix = prefix;
        Scripts = scripts;
        Channel = channel;
    }

    /// <summary>The format's name.</summary>
    public string Format { get; }

    /// <summary>Whether the record has token and owner in it, and its steps are those of <see cref="NativeSteps"/>.</summary>
    public bool IsNative { get; }

    /// <summary>What stands before every key.</summary>
    public string Prefix { get; }

    /// <summary>The steps where it is not native.</summary>
    public ScriptSet Scripts { get; }

    /// <summary>The channel where releases are announced.</summary>
    public string Channel { get; }

    /// <summary>Whether the other clients of this format announce their releases as we do.</summary>
    public bool OthersGiveNotice => Format == LockFormats.SimpleRedisMutex;

    /// <summary>The layout of a format, with its own prefix or another.</summary>
    /// <param name="format">The format; null for the native one.</param>
    /// <param name="prefix">What stands before every key; null for the format's own.</param>
    /// <param name="isNode">Whether the records are a quorum's votes: the holder's id, and a fence for each key.</param>
    public static KeyLayout Of(string? format, string? prefix, bool isNode = false) => (format ?? LockFormats.Native) switch
    {
        LockFormats.Native =>
            new(LockFormats.Native, prefix ?? "", isNode ? ScriptSet.Votes : ScriptSet.Strings, NativeChannel, !isNode),
        LockFormats.RedLockNet =>
            new(LockFormats.RedLockNet, prefix ?? "redlock:", isNode ? ScriptSet.Votes : ScriptSet.Strings, NativeChannel),
        LockFormats.SimpleRedisMutex =>
            new(LockFormats.SimpleRedisMutex, prefix ?? "@simple-redis-mutex:lock-", ScriptSet.Strings, SimpleRedisMutexChannel),
        LockFormats.DistLock => new(LockFormats.DistLock, prefix ?? "lock:", ScriptSet.Hashes, NativeChannel),
        var unknown => throw new ArgumentOutOfRangeException(nameof(format), unknown, "Unknown format."),
    };

    /// <summary>The Redis keys of a lock.</summary>
    public LockKeys KeysOf(string key) => new(Prefix + key);

    /// <summary>The Redis keys of a lock of the native format.</summary>
    public NativeKeys NativeKeysOf(string key) => new(_counters, key);

    /// <summary>What is announced when this holder releases.</summary>
    public RedisValue NoticeOf(in LockKeys keys, string holderId) =>
        Format == LockFormats.SimpleRedisMutex ? SimpleRedisMutexNotice.Write(keys.Record, holderId) : (RedisValue)keys.Record;

    /// <summary>A notice about no lock, in a form that the format's other clients can read.</summary>
    public string ProbeOf(string text) => Format == LockFormats.SimpleRedisMutex ? SimpleRedisMutexNotice.Write(text, "")! : text;

    /// <summary>Which record a notice is about; null when that cannot be told.</summary>
    /// <param name="notice">The record, and behind a byte that is in no text the holder id that has waited longest, where somebody waits;
    /// behind another such byte the token, where that id has been made the holder.</param>
    /// <param name="named">That id; null where nobody is named.</param>
    public string? RecordOf(RedisValue notice, out string? named)
    {
        named = null;
        if (Format == LockFormats.SimpleRedisMutex)
            return SimpleRedisMutexNotice.ReadKey(notice);
        byte[] bytes = (byte[]?)notice ?? [];
        int mark = Array.IndexOf(bytes, LockKeys.Mark);
        if (mark < 0)
            return Encoding.UTF8.GetString(bytes);
        Span<byte> behind = bytes.AsSpan(mark + 1);
        int second = behind.IndexOf(LockKeys.Mark);
        named = Encoding.UTF8.GetString(second < 0 ? behind : behind[..second]);
        return Encoding.UTF8.GetString(bytes.AsSpan(0, mark));
    }

    /// <summary>How long who is not named holds back after a notice: until who is named has come, or has not.</summary>
    public TimeSpan HoldBack => TimeSpan.FromMilliseconds(IsNative ? 50 : 10);

    /// <summary>The longest, however many notices follow.</summary>
    public TimeSpan LongestHoldBack => TimeSpan.FromMilliseconds(IsNative ? 1000 : 50);

    /// <summary>Whether a notice of this format may name somebody.</summary>
    public bool NamesWaiters => Format != LockFormats.SimpleRedisMutex;
}
