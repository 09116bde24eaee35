using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace Locking;

/// <summary>One lease as it stands at a place of a <see cref="LeaseRecord"/>.</summary>
/// <param name="Key">The key.</param>
/// <param name="ForeignKey">The key as a published client wrote it; null for our own clients.</param>
/// <param name="HasForeignId">Whether the published client gave an id.</param>
/// <param name="Id">The holder's id.</param>
/// <param name="Owner">Who holds it, for people.</param>
/// <param name="Token">Its fencing token.</param>
/// <param name="Max">How many may hold the key.</param>
/// <param name="Keep">Whether it outlives its connection.</param>
/// <param name="IsMember">Whether it was taken together with others, under the same id.</param>
/// <remarks>
/// A place: state, end, token, max, flags, three lengths, then key, id and owner. The state is zero while nothing stands there, and the
/// hash of what follows the end once all of it was written: storing that one number is the moment in which the lease is on record.
/// </remarks>
internal sealed record RecordedLease(
    string Key, byte[]? ForeignKey, bool HasForeignId, string Id, string Owner, long Token, int Max, bool Keep, bool IsMember)
{
    /// <summary>Where the state stands.</summary>
    public const int StateOffset = 0;

    /// <summary>Where the end stands, in the record's milliseconds: it changes with each extension.</summary>
    public const int UntilOffset = 8;

    /// <summary>Turns the state of a lease into that of one whose companions are not all there yet.</summary>
    public const long Unfinished = 0x5A5A_5A5A_5A5A_5A5A;

    private const int HashedFrom = 16;
    private const int TextFrom = 48;

    [Flags]
    private enum Traits
    {
        None = 0,
        Foreign = 1,
        ForeignId = 2,
        Keep = 4,
        Member = 8,
        WideKey = 16,
        WideId = 32,
        WideOwner = 64,
    }

    /// <summary>When it ends, in the record's milliseconds.</summary>
    public long Until { get; init; }

    /// <summary>Where it stands.</summary>
    public RecordSegment? Segment { get; init; }

    /// <inheritdoc cref="Segment"/>
    public int Place { get; init; }

    /// <summary>How many bytes a lease takes at most.</summary>
    public static int SizeOf(RecordableClaim claim) =>
        TextFrom + (claim.ForeignKey is { Length: > 0 } raw ? raw.Length : SizeOf(claim.Key)) + SizeOf(claim.Id) + SizeOf(claim.Owner);

    /// <summary>Writes all of a lease but its state and its end.</summary>
    /// <returns>The state of a place where it stands.</returns>
    public static long Write(Span<byte> place, RecordableClaim claim)
    {
        Traits traits = (claim.ForeignKey is not null ? Traits.Foreign : Traits.None)
            | (claim.HasForeignId ? Traits.ForeignId : Traits.None)
            | (claim.Keep ? Traits.Keep : Traits.None) | (claim.IsMember ? Traits.Member : Traits.None);
        int at = TextFrom;
        int key;
        if (claim.ForeignKey is { Length: > 0 } raw)
        {
            raw.CopyTo(place[at..]);
            key = raw.Length;
        }
        else
        {
            key = WriteText(place[at..], claim.Key, Traits.WideKey, ref traits);
        }

        at += key;
        int id = WriteText(place[at..], claim.Id, Traits.WideId, ref traits);
        at += id;
        int owner = WriteText(place[at..], claim.Owner, Traits.WideOwner, ref traits);
        at += owner;
        MemoryMarshal.Write(place[HashedFrom..], claim.FencingToken);
        MemoryMarshal.Write(place[24..], claim.RecordedMax);
        MemoryMarshal.Write(place[28..], (int)traits);
        MemoryMarshal.Write(place[32..], key);
        MemoryMarshal.Write(place[36..], id);
        MemoryMarshal.Write(place[40..], owner);
        MemoryMarshal.Write(place[44..], 0);
        return (long)RecordHash.Of(place[HashedFrom..at]);
    }

    /// <summary>Reads what stands at a place; null when it is damaged.</summary>
    /// <param name="place">The bytes of the place, which is not empty.</param>
    /// <param name="state">The state that was written with them.</param>
    public static RecordedLease? Read(ReadOnlySpan<byte> place, out long state)
    {
        state = 0;
        var traits = (Traits)MemoryMarshal.Read<int>(place[28..]);
        ReadOnlySpan<int> lengths = MemoryMarshal.Cast<byte, int>(place[32..44]);
        if (lengths[0] < 0 || lengths[1] < 0 || lengths[2] < 0 || (long)lengths[0] + lengths[1] + lengths[2] > place.Length - TextFrom)
            return null;
        state = (long)RecordHash.Of(place[HashedFrom..(TextFrom + lengths[0] + lengths[1] + lengths[2])]);
        ReadOnlySpan<byte> key = place.Slice(TextFrom, lengths[0]);
        ReadOnlySpan<byte> id = place.Slice(TextFrom + lengths[0], lengths[1]);
        ReadOnlySpan<byte> owner = place.Slice(TextFrom + lengths[0] + lengths[1], lengths[2]);
        bool isForeign = (traits & Traits.Foreign) != Traits.None;

        // The members of several keys have the key alone, without the form in which it was written.
        bool isMember = (traits & Traits.Member) != Traits.None;
        byte[]? raw = isForeign && !isMember ? key.ToArray() : isForeign ? [] : null;
        string? text = raw is { Length: > 0 } ? TextOf(raw) : ReadText(key, (traits & Traits.WideKey) != Traits.None);
        return text is null ? null : new RecordedLease(
            text,
            raw,
            (traits & Traits.ForeignId) != Traits.None,
            ReadText(id, (traits & Traits.WideId) != Traits.None),
            ReadText(owner, (traits & Traits.WideOwner) != Traits.None),
            MemoryMarshal.Read<long>(place[HashedFrom..]),
            MemoryMarshal.Read<int>(place[24..]),
            (traits & Traits.Keep) != Traits.None,
            isMember)
        {
            Until = MemoryMarshal.Read<long>(place[UntilOffset..]),
        };
    }

    /// <summary>The state of what stands at a place, were it finished.</summary>
    public static long StateOf(RecordSegment segment, int place)
    {
        _ = Read(segment.Place(place), out long state);
        return state;
    }

    /// <summary>The key that a published client wrote so; null when that is no JSON.</summary>
    private static string? TextOf(byte[] raw)
    {
        try
        {
            var reader = new Utf8JsonReader(raw);
            return reader.Read() ? WireValue.Read(ref reader, raw).GetText() : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static int SizeOf(string text) => Ascii.IsValid(text) ? text.Length : 2 * text.Length;

    /// <summary>As it is, in two bytes for each unit where it is not plain ASCII: a lone surrogate stays what it is.</summary>
    private static int WriteText(Span<byte> room, string text, Traits wide, ref Traits traits)
    {
        if (Ascii.FromUtf16(text, room, out int written) == System.Buffers.OperationStatus.Done)
            return written;
        traits |= wide;
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(text.AsSpan());
        bytes.CopyTo(room);
        return bytes.Length;
    }

    private static string ReadText(ReadOnlySpan<byte> bytes, bool isWide) =>
        isWide ? new string(MemoryMarshal.Cast<byte, char>(bytes)) : Encoding.ASCII.GetString(bytes);
}
