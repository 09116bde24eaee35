namespace Locking;

/// <summary>The hash slots of a Redis Cluster, and names that fall into a given one.</summary>
/// <remarks>Appending letters changes the checksum of a name by something that depends on the letters and on how many there are, but not on
/// the name: so one table of letters serves for every name and every slot.</remarks>
internal static class HashSlots
{
    /// <summary>How many letters <see cref="Steer"/> appends.</summary>
    public const int Letters = 4;

    /// <summary>How many slots there are.</summary>
    public const int Slots = 16384;

    private const string Alphabet = "abcdefghijklmnopqrstuvwxyz0123456789";

    private static readonly ushort[] s_table = MakeTable();

    /// <summary>The letters for each slot that a name in slot 0, counted with that many zeros behind it, has to have.</summary>
    private static readonly byte[] s_letters = MakeLetters();

    /// <summary>The slot of a key: of its hash tag where it has one.</summary>
    public static int Of(ReadOnlySpan<byte> key) => Checksum(0, Hashed(key)) % Slots;

    /// <summary>Whether a key has a hash tag, so that whatever is appended stays in its slot.</summary>
    public static bool IsTagged(ReadOnlySpan<byte> key) => Hashed(key).Length != key.Length;

    /// <summary>Writes the last letters of a name without a tag, such that it falls into a slot.</summary>
    /// <param name="name">The name; its last <see cref="Letters"/> bytes are written.</param>
    /// <param name="slot">The slot, 0 to 16,383.</param>
    public static void Steer(Span<byte> name, int slot)
    {
        Span<byte> letters = name[^Letters..];
        letters.Clear();
        int wanted = (Checksum(0, name) ^ slot) % Slots;
        s_letters.AsSpan(wanted * Letters, Letters).CopyTo(letters);
    }

    /// <summary>What of a key is hashed: what stands between the first opening brace and the first closing one behind it, where that is
    /// anything.</summary>
    private static ReadOnlySpan<byte> Hashed(ReadOnlySpan<byte> key)
    {
        int open = key.IndexOf((byte)'{');
        if (open < 0)
            return key;
        int length = key[(open + 1)..].IndexOf((byte)'}');
        return length > 0 ? key.Slice(open + 1, length) : key;
    }

    /// <summary>CRC-16 (XMODEM).</summary>
    private static int Checksum(ushort sum, ReadOnlySpan<byte> bytes)
    {
        foreach (byte one in bytes)
            sum = (ushort)((sum << 8) ^ s_table[(sum >> 8) ^ one]);
        return sum;
    }

    private static ushort[] MakeTable()
    {
        const int Polynomial = 0x1021;
        ushort[] table = new ushort[256];
        for (int i = 0; i < table.Length; i++)
        {
            int sum = i << 8;
            for (int bit = 0; bit < 8; bit++)
                sum = (sum & 0x8000) != 0 ? (sum << 1) ^ Polynomial : sum << 1;
            table[i] = (ushort)sum;
        }

        return table;
    }

    private static byte[] MakeLetters()
    {
        byte[] letters = new byte[Slots * Letters];
        int left = Slots;
        Span<byte> word = stackalloc byte[Letters];
        for (int number = 0; left > 0; number++)
        {
            int rest = number;
            for (int i = 0; i < Letters; i++, rest /= Alphabet.Length)
                word[i] = (byte)Alphabet[rest % Alphabet.Length];
            Span<byte> entry = letters.AsSpan(Checksum(0, word) % Slots * Letters, Letters);
            if (entry[0] != 0)
                continue;
            word.CopyTo(entry);
            left--;
        }

        return letters;
    }
}
