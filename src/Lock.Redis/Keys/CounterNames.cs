namespace Locking;

/// <summary>The names of a prefix's token counters, each made once.</summary>
internal sealed class CounterNames(byte[] prefix)
{
    private const byte CounterLetter = (byte)'c';
    private const int PageSize = 256;

    /// <summary>By slot; a page is made with the first of its names.</summary>
    private readonly byte[]?[]?[] _pages = new byte[]?[HashSlots.Slots / PageSize][];

    /// <summary>What all keys begin with.</summary>
    public ReadOnlySpan<byte> Prefix => prefix;

    /// <summary>The name for a slot. Nobody changes it.</summary>
    public byte[] Of(int slot)
    {
        ref byte[]?[]? page = ref _pages[slot / PageSize];
        page ??= new byte[]?[PageSize];
        return page[slot % PageSize] ??= NativeKeys.Beside(prefix, CounterLetter, slot);
    }
}
