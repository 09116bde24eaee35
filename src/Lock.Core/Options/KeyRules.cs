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
    }

    private static void CheckLength(string key, string parameter)
    {
        var bytes = Encoding.UTF8.GetByteCount(key);
        if (bytes > MaxBytes)
        {
            throw new ArgumentException(
                $"The key '{key[..32]}…' has {bytes} bytes of UTF-8; at most {MaxBytes} are allowed, namespace included.", parameter);
        }
    }
}
