using StackExchange.Redis;

namespace Locking;

/// <summary>The steps of the native format: id, token and owner in the record, one token counter for each hash slot, one line for those who
/// wait.</summary>
/// <param name="layout">Prefix and channel.</param>
/// <param name="channels">The channels' names.</param>
/// <param name="clock">What is known of the server's clock.</param>
/// <param name="time">The clock of this process.</param>
/// <param name="hasOneServer">Whether all requests go to one server.</param>
/// <param name="isFair">Whether locks are fair here: who comes by then looks at the line, too.</param>
/// <param name="knowsClock">Whether acquires go over this connection alone, so that it may learn the server's clock from them.</param>
internal sealed class NativeSteps(
    KeyLayout layout, ChannelNames channels, ServerClock clock, TimeProvider time, Func<bool> hasOneServer, bool isFair, bool knowsClock)
    : RecordSteps
{
    private static readonly RedisValue s_waits = "w";
    private static readonly RedisValue s_waitsFairly = "f";
    private static readonly RedisValue s_comesBy = "p";

    /// <summary>How many arguments an acquire has that comes by without waiting, and which of them is the floor.</summary>
    private const int PlainLength = 3, FloorAt = 2;

    private GrantNotes Notes => field ?? Interlocked.CompareExchange(ref field, new GrantNotes(this, time), null) ?? field;

    /// <inheritdoc/>
    public override StoreStepCall Acquire(AcquireRequest request, bool waits, long sentAt)
    {
        NativeKeys keys = layout.NativeKeysOf(request.Key);
        RedisValue template = RecordTemplate.Of(request.HolderId, request.Owner);
        RedisValue floor = knowsClock ? clock.FloorAt(sentAt) : ServerClock.Unknown;
        if (!waits && !request.Queue && !isFair)
            return new(ScriptSet.NativeAcquire, keys.WithCounter(), [template, TtlValue(request.Ttl), floor]);
        RedisValue mode = request.Queue ? s_waitsFairly : waits ? s_waits : s_comesBy;
        return new(
            ScriptSet.NativeAcquire, keys.WithLine(), [template, TtlValue(request.Ttl), floor, mode, channels.Of(layout.Channel)]);
    }

    /// <inheritdoc/>
    public override void Learn(in StoreStepCall call, AcquireRequest request, long token, bool isDrawn, long sentAt)
    {
        if (!isDrawn || call.Values.Length != PlainLength)
            return;
        Notes.Keep(request, call.Keys[0], (byte[])call.Values[0]!, token, sentAt);
        // Such a number is the clock's, or above it.
        if (knowsClock && call.Values[FloorAt] == ServerClock.Unknown && hasOneServer())
            clock.Learn(token, sentAt);
    }

    /// <inheritdoc/>
    public override GrantNote? TakeNote(string key, string holderId) => Notes.Take(key, holderId);

    /// <inheritdoc/>
    public override StoreStepCall Extend(string key, string holderId, TimeSpan ttl) =>
        new(ScriptSet.NativeExtend, [layout.NativeKeysOf(key).Record], [holderId, TtlValue(ttl), channels.Of(layout.Channel)]);

    /// <inheritdoc/>
    public override StoreStepCall Release(string key, string holderId) =>
        new(ScriptSet.NativeRelease, layout.NativeKeysOf(key).WithLine(), [holderId, channels.Of(layout.Channel)]);

    /// <inheritdoc/>
    public override StoreStepCall Force(string key) => new(
        ScriptSet.NativeForce,
        layout.NativeKeysOf(key).WithLine(),
        [channels.Of(layout.Channel), channels.Of(ForcedChannel.Name)]);

    /// <inheritdoc/>
    public override StoreStepCall Get(string key) => new(ScriptSet.NativeGet, [layout.NativeKeysOf(key).Record], []);
}
