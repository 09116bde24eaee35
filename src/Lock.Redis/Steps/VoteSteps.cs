namespace Locking;

/// <summary>The steps where the record is a vote of a quorum: who waits marks it, and there is no line. Votes themselves are asked for by
/// <see cref="RedisVoter"/>.</summary>
internal sealed class VoteSteps(KeyLayout layout, ChannelNames channels, TimeSpan retention) : BareSteps(layout, channels, retention)
{
    private readonly KeyLayout _layout = layout;
    private readonly ChannelNames _channels = channels;
    private readonly long _retention = Milliseconds(retention);

    /// <inheritdoc/>
    public override StoreStepCall Release(string key, string holderId) => new(
        ScriptSet.ReleaseVote, _layout.KeysOf(key).ToArray(2), [holderId, _channels.Of(_layout.Channel), _retention]);
}
