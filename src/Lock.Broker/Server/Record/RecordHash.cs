using System.Buffers.Binary;

namespace Locking;

/// <summary>Tells what was written whole from what was not. Never zero.</summary>
internal static class RecordHash
{
    /// <summary>Of so many bytes; their number is part of it.</summary>
    public static ulong Of(ReadOnlySpan<byte> bytes)
    {
        ulong hash = 14695981039346656037UL ^ (ulong)bytes.Length;
        while (bytes.Length >= 8)
        {
            hash = Mix(hash, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            bytes = bytes[8..];
        }

        foreach (byte one in bytes)
            hash = Mix(hash, one);
        return hash == 0 ? 1 : hash;
    }

    private static ulong Mix(ulong hash, ulong more)
    {
        hash = (hash ^ more) * 0x9E3779B97F4A7C15UL;
        return hash ^ (hash >> 32);
    }
}
