namespace Locking;

/// <summary>What a published client holds or waits for.</summary>
internal sealed class PublishedClaim(PublishedState state, string key, byte[] foreignKey, string id, string owner, TimeSpan ttl)
    : BrokerClaim(state.Locks.Records, key, id, owner, ttl)
{
    private readonly bool _hasForeignId = true;

    /// <summary>The key as it was written.</summary>
    public override byte[] ForeignKey => foreignKey;

    /// <inheritdoc/>
    public override bool HasForeignId => _hasForeignId;

    /// <summary>Whether the client gave an id. Default: it did.</summary>
    public bool HasId
    {
        init => _hasForeignId = value;
    }

    /// <summary>The id as the client wrote it, where that is not the plain text of <see cref="BrokerClaim.Id"/>: a number, for
    /// example.</summary>
    public byte[]? ForeignId { get; init; }

    /// <summary>A grant out of the queue is acknowledged; until then it may be taken back.</summary>
    public bool IsUnacknowledged { get; set; }

    /// <inheritdoc/>
    public override bool EndsAfterBreak => !Keep && State == ClaimState.Held && Ttl == Timeout.InfiniteTimeSpan;

    /// <summary>The answer to its request.</summary>
    /// <param name="waiters">How many wait for the key.</param>
    /// <param name="granted">Whether it holds.</param>
    /// <param name="uuid">The id as it was written; empty: it is the plain text.</param>
    /// <param name="token">The number of the grant.</param>
    public LineWriter Reply(int waiters, bool granted, ReadOnlySpan<byte> uuid, long token)
    {
        LineWriter line = LineWriter.Begin().Raw("{\"readersCount\":"u8).Integer(state.Readers.Of(Key)).Raw(","u8);
        if (HasForeignId)
        {
            // As it was written: clients compare it.
            line.Raw("\"uuid\":"u8);
            (uuid.IsEmpty ? line.Text(Id) : line.Raw(uuid)).Raw(","u8);
        }

        line.Raw("\"lockRequestCount\":"u8).Integer(waiters).Raw(",\"key\":"u8).Raw(ForeignKey)
            .Raw(",\"type\":\"lock\",\"acquired\":"u8).Boolean(granted);
        if (granted)
            line.Raw(",\"fencingToken\":"u8).Integer(token);
        return line.Raw("}\n"u8);
    }

    /// <inheritdoc/>
    protected override void TellGrant(IClaimListener listener)
    {
        IsUnacknowledged = true;
        state.Unacknowledged.Add(this);
        listener.Send(Reply(state.Locks.Table.Report(Key).Waiters, granted: true, ForeignId, FencingToken));
    }

    /// <inheritdoc/>
    protected override void TellLoss(IClaimListener? listener, ReadOnlySpan<byte> reason) => state.EndedIds.Add(Key, Id);

    /// <inheritdoc/>
    protected override void TellWithdrawn(IClaimListener listener, long number)
    {
        // The protocol has no word for it.
    }
}
