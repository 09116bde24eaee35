namespace Locking;

/// <summary>What the first place of a <see cref="LeaseRecord"/> says of all leases. Under the record's gate.</summary>
/// <remarks>Each number is stored in one go. What a lease needs is raised here before the lease stands in its place.</remarks>
internal readonly struct RecordHead(RecordSegment first)
{
    private const int SkewOffset = 64;
    private const int TokenOffset = 72;
    private const int AnythingUntilOffset = 80;
    private const int LatestOffset = 88;
    private const int UnknownPermanentOffset = 96;
    private const int ClockOffset = 104;
    private const int ClockLength = 80;

    /// <summary>The segment it stands in.</summary>
    public RecordSegment Segment => first;

    /// <summary>How far the wall clock is ahead of the record's milliseconds.</summary>
    public ref long Skew => ref first.Word(SkewOffset);

    /// <summary>No token above this one was given out.</summary>
    public ref long Token => ref first.Word(TokenOffset);

    /// <summary>Until when anything may be held that does not stand here by itself.</summary>
    public ref long AnythingUntil => ref first.Word(AnythingUntilOffset);

    /// <summary>When the last lease with an end has ended.</summary>
    public ref long Latest => ref first.Word(LatestOffset);

    /// <summary>Whether a lease without expiry may live that does not stand here by itself: not 0.</summary>
    public ref long UnknownPermanent => ref first.Word(UnknownPermanentOffset);

    /// <summary>The entries of the <see cref="RecordClock"/>.</summary>
    public Span<byte> Clock => first.Bytes(ClockOffset, ClockLength);
}
