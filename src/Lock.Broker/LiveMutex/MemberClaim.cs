namespace Locking;

/// <summary>One key of several that are taken together.</summary>
internal sealed class MemberClaim(PublishedState state, CompositeLock composite, string key, TimeSpan ttl)
    : BrokerClaim(state.Locks.Records, key, composite.Id, "", ttl)
{
    /// <summary>Without the form in which it was written: the answer tells all keys at once.</summary>
    public override byte[] ForeignKey => [];

    /// <inheritdoc/>
    public override bool IsMember => true;

    /// <inheritdoc/>
    public override bool EndsAfterBreak => State == ClaimState.Held && Ttl == Timeout.InfiniteTimeSpan;

    /// <inheritdoc/>
    protected internal override void OnGranted() =>

        // On record with the others, once all are there.
        // Not here: whoever caused the grant may be another composite, with its gate taken.
        ThreadPool.UnsafeQueueUserWorkItem(static claim => claim.GoOn(), this, preferLocal: false);

    /// <summary>The place in the queue has become a grant: the others are tried.</summary>
    public void GoOn() => composite.OnGranted(this);

    /// <inheritdoc/>
    protected override void TellGrant(IClaimListener listener)
    {
        // Told with the others.
    }

    /// <inheritdoc/>
    protected override void TellLoss(IClaimListener? listener, ReadOnlySpan<byte> reason) => state.EndedIds.Add(Key, Id);

    /// <inheritdoc/>
    protected override void TellWithdrawn(IClaimListener listener, long number)
    {
        // The protocol has no word for it.
    }
}
