namespace Locking;

/// <summary>What one of our own clients holds or waits for.</summary>
internal sealed class OwnClaim(RecordKeeper records, string key, string id, string owner, TimeSpan ttl)
    : BrokerClaim(records, key, id, owner, ttl)
{
    /// <inheritdoc/>
    protected override void TellGrant(IClaimListener listener) => listener.Send(OwnLines.Granted(Number, FencingToken, QueuedForListener));

    /// <inheritdoc/>
    protected override void TellLoss(IClaimListener? listener, ReadOnlySpan<byte> reason) => listener?.Send(OwnLines.Lost(Key, Id, reason));

    /// <inheritdoc/>
    protected override void TellWithdrawn(IClaimListener listener, long number) =>
        listener.Send(OwnLines.Remaining("busy"u8, number, null));
}
