namespace Locking;

/// <summary>Who was granted a lock that others wait for: its release hands it on at once, where it would else find out by a first command
/// in vain.</summary>
/// <remarks>A guess. One that is missing, since another grant had the same slot, costs a round trip; one that is wrong, the server a little
/// work.</remarks>
internal sealed class CrowdedGrants
{
    private readonly string?[] _slots = new string?[256];

    public void Add(string holderId) => Volatile.Write(ref SlotOf(holderId), holderId);

    /// <summary>Whether it is known, which it is not any more afterwards.</summary>
    public bool Take(string holderId)
    {
        ref string? slot = ref SlotOf(holderId);
        string? known = Volatile.Read(ref slot);
        return known == holderId && Interlocked.CompareExchange(ref slot, null, known) == known;
    }

    private ref string? SlotOf(string holderId) => ref _slots[(uint)holderId.GetHashCode(StringComparison.Ordinal) % (uint)_slots.Length];
}
