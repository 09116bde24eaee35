namespace Locking;

/// <summary>The scripts: those of the native format, and those of each layout of a record that has the holder's id alone.</summary>
internal sealed class ScriptSet
{
    private const string StringLayout = "record-string.lua";

    /// <summary>The record is a string with the holder id.</summary>
    public static readonly ScriptSet Strings = new(StringLayout);

    /// <summary>The record is a hash with the fields id and owner.</summary>
    public static readonly ScriptSet Hashes = new("record-hash.lua");

    /// <summary>Publishes a notice about nothing.</summary>
    public static readonly RedisScript Publish = new("publish.lua");

    /// <summary>The steps of the native format.</summary>
    public static readonly RedisScript NativeAcquire = new(
        "native-acquire-fast.lua", "native-record.lua", "notify.lua", "native-line.lua", "native-acquire.lua");

    /// <inheritdoc cref="NativeAcquire"/>
    public static readonly RedisScript NativeExtend = new("native-extend.lua");

    /// <inheritdoc cref="NativeAcquire"/>
    public static readonly RedisScript NativeRelease = new(
        "native-release-fast.lua", "native-record.lua", "notify.lua", "native-line.lua", "native-release.lua");

    /// <inheritdoc cref="NativeAcquire"/>
    public static readonly RedisScript NativeReleaseWhole = new("native-release-whole.lua");

    /// <inheritdoc cref="NativeAcquire"/>
    public static readonly RedisScript NativeLeave = new("native-record.lua", "notify.lua", "native-line.lua", "native-leave.lua");

    /// <inheritdoc cref="NativeAcquire"/>
    public static readonly RedisScript NativeForce = new("native-record.lua", "notify.lua", "native-line.lua", "native-force.lua");

    /// <inheritdoc cref="NativeAcquire"/>
    public static readonly RedisScript NativeGet = new("native-record.lua", "native-get.lua");

    private ScriptSet(string layout)
    {
        // Defining functions costs more than the few calls of the common case, which therefore stands before them.
        string[] acquire = [layout, "fence.lua", "queue.lua", "acquire.lua"];
        string[] release = [layout, "queue.lua", "notify.lua", "release.lua"];
        string[] vote = [layout, "fence.lua", "vote.lua"];
        if (layout == StringLayout)
        {
            acquire = ["acquire-fast.lua", .. acquire];
            release = ["release-fast.lua", .. release];
            vote = ["vote-fast.lua", .. vote];
        }

        Acquire = new RedisScript(acquire);
        Extend = new RedisScript(layout, "fence.lua", "extend.lua");
        Release = new RedisScript(release);
        Force = new RedisScript(layout, "queue.lua", "notify.lua", "force.lua");
        Get = new RedisScript(layout, "fence.lua", "get.lua");
        Vote = new RedisScript(vote);
        Raise = new RedisScript(layout, "fence.lua", "raise.lua");
        Withdraw = new RedisScript(layout, "withdraw.lua");
    }

    public RedisScript Acquire { get; }

    public RedisScript Extend { get; }

    public RedisScript Release { get; }

    public RedisScript Force { get; }

    public RedisScript Get { get; }

    public RedisScript Vote { get; }

    public RedisScript Raise { get; }

    public RedisScript Withdraw { get; }
}
