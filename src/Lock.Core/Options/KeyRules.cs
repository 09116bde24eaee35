using System.Text;

namespace Locking;

/// <summary>What a key may be.</summary>
internal static class KeyRules
{
    /// <summary>The longest key, in bytes of UTF-8, namespace included.</summary>
    public const int MaxBytes = 1024;

    /// <summary>No UTF-16 unit needs more than three bytes, so that shorter keys need no counting.</summary>
    private const int SurelyShort = MaxBytes / 3;

    public static void Check(string key, string parameter = "key")
    {
        if (string.IsNullOrEmpty(key))
            ArgumentException.ThrowIfNullOrEmpty(key, parameter);
        if (key.Length > SurelyShort)
            CheckLength(key, parameter);
        if (key.AsSpan().ContainsAnyInRange('\ud800', '\udfff'))
            CheckPairs(key, parameter);
    }

    /// <summary>Half a character has no UTF-8: every such key would be written as the same one, and exclude others.</summary>
    private static void CheckPairs(string key, string parameter)
    {
        for (int i = 0; i < key.Length; i++)
        {
            if (!char.IsSurrogate(key[i]))
                continue;
            if (i + 1 == key.Length || !char.IsSurrogatePair(key[i], key[i + 1]))
                throw new ArgumentException($"The key contains half of a surrogate pair (at {i}), which has no UTF-8.", parameter);
            i++;
        }
    }

    private static void CheckLength(string key, string parameter)
    {
        int bytes = Encoding.UTF8.GetByteCount(key);
        if (bytes > MaxBytes)
        {
            throw new ArgumentException(
                $"The key '{key[..32]}…' has {bytes} bytes of UTF-8; at most {MaxBytes} are allowed, namespace included.", parameter);
        }
    }
}
