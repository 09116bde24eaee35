namespace Locking;

/// <summary>The scripts: those of the native format, and those of each layout of a record that has the holder's id alone.</summary>
internal sealed class ScriptSet
{
    private const string StringLayout = "record-string.lua";
    private const string VoteLayout = "record-vote.lua";

    /// <summary>The record is a string with the holder id.</summary>
    public static readonly ScriptSet Strings = new(StringLayout);

    /// <summary>The record is a hash with the fields id and owner.</summary>
    public static readonly ScriptSet Hashes = new("record-hash.lua");

    /// <summary>The record is a vote: a string with the holder id, and a byte behind it where somebody waits.</summary>
    public static readonly ScriptSet Votes = new(VoteLayout);

    /// <summary>The steps that a quorum takes besides, and its release.</summary>
    public static readonly RedisScript Vote = new("vote-grant.lua", "vote-fast.lua", VoteLayout, "fence.lua", "vote-asked.lua", "vote.lua");

    /// <inheritdoc cref="Vote"/>
    public static readonly RedisScript ReleaseVote = new(
        "release-vote-fast.lua", VoteLayout, "notify.lua", "release-vote-awaited.lua", "release-vote.lua");

    /// <inheritdoc cref="Vote"/>
    public static readonly RedisScript VoteBatch = new(
        "vote-grant.lua", VoteLayout, "fence.lua", "notify.lua", "vote-asked.lua", "release-vote-awaited.lua", "vote-batch.lua");

    /// <inheritdoc cref="Vote"/>
    public static readonly RedisScript Raise = new(VoteLayout, "fence.lua", "raise.lua");

    /// <inheritdoc cref="Vote"/>
    public static readonly RedisScript Withdraw = new(VoteLayout, "withdraw.lua");

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
        if (layout == StringLayout)
        {
            acquire = ["acquire-fast.lua", .. acquire];
            release = ["release-fast.lua", .. release];
        }

        Acquire = new RedisScript(acquire);
        Extend = new RedisScript(layout, "fence.lua", "extend.lua");
        Release = new RedisScript(release);
        Force = new RedisScript(layout, "queue.lua", "notify.lua", "force.lua");
        Get = new RedisScript(layout, "fence.lua", "get.lua");
    }

    public RedisScript Acquire { get; }

    public RedisScript Extend { get; }

    public RedisScript Release { get; }

    public RedisScript Force { get; }

    public RedisScript Get { get; }
}
