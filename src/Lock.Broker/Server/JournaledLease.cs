namespace Locking;

/// <summary>One lease as it stands in a <see cref="LeaseJournal"/>.</summary>
/// <param name="Key">The key.</param>
/// <param name="ForeignKey">The key as a published client wrote it; null for our own clients.</param>
/// <param name="Id">The holder's id.</param>
/// <param name="Owner">Who holds it, for people.</param>
/// <param name="Token">Its fencing token.</param>
/// <param name="Max">How many may hold the key.</param>
/// <param name="Keep">Whether it outlives its connection.</param>
/// <param name="IsMember">Whether it was taken together with others, under the same id.</param>
internal sealed record JournaledLease(string Key, byte[]? ForeignKey, string Id, string Owner, long Token, int Max, bool Keep, bool IsMember)
{
    /// <summary>Where its line begins in the file that it was read from.</summary>
    public long Place { get; init; }

    /// <summary>Composes the line of a lease.</summary>
    public static void Write(LineWriter line, BrokerClaim claim)
    {
        line.Raw("{\"key\":"u8);
        if (claim.ForeignKey is { Length: > 0 } raw)
            line.Raw(raw);
        else
            line.Text(claim.Key);

        // Whose id it is, is told by its name, as on the wire.
        line.Raw(claim.IsMember ? ",\"lockUuid\":"u8 : claim.ForeignKey is not null ? ",\"uuid\":"u8 : ",\"id\":"u8).Text(claim.Id)
            .Raw(",\"owner\":"u8).Text(claim.Owner).Raw(",\"token\":"u8).Integer(claim.FencingToken).Raw(",\"max\":"u8).Integer(claim.JournaledMax)
            .Raw(",\"keep\":"u8).Boolean(claim.Keep).Raw("}\n"u8);
    }

    /// <summary>Reads the line of a lease; null when it is none.</summary>
    public static JournaledLease? Read(in WireMessage line)
    {
        var isMember = !line.CompositeId.IsMissing;
        var isForeign = isMember || !line.Uuid.IsMissing;
        var id = isMember ? line.CompositeId : isForeign ? line.Uuid : line.Id;
        return line.Key.GetText() is { } key && id.GetText() is { } text && line.Token.TryGetInteger(out var token) && token is > 0 and < 1L << 53
            && line.Max.TryGetInteger(out var max)
            ? new JournaledLease(key, isForeign ? line.Key.Raw.ToArray() : null, text, line.Owner.GetText() ?? "", token, (int)Math.Clamp(max, 1, int.MaxValue),
                line.Keep.IsTrue, isMember)
            : null;
    }
}
