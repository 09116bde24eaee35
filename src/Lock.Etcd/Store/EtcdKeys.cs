using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Google.Protobuf;

namespace Locking;

/// <summary>What keys are called in etcd: <c>prefix + key + "/" + id</c>, one for each who holds a lock or waits for it, as Go's
/// <c>concurrency.Mutex</c> has it: who came first holds the lock.</summary>
/// <remarks>A key's own "/", "%", spaces and control characters are written as percent and two digits,
/// so that no lock's line is part of another's.</remarks>
internal sealed class EtcdKeys(string prefix)
{
    /// <summary>Where the base of the tokens is kept: no key is empty, so that nothing else begins like this.</summary>
    public ByteString Base { get; } = ByteString.CopyFromUtf8(prefix + "/base");

    /// <summary>What all entries of one lock begin with.</summary>
    public ByteString LineOf(string key) => ByteString.CopyFromUtf8($"{prefix}{Escape(key)}/");

    /// <summary>The lease that a holder comes with: the same whoever asks for it, so that what was asked twice is there once.</summary>
    public static long LeaseOf(string key, string holderId)
    {
        byte[] hash = SHA256.HashData(Encoding.UTF8.GetBytes($"{holderId}\n{key}"));
        return Math.Max(1, BinaryPrimitives.ReadInt64BigEndian(hash) & long.MaxValue);
    }

    public ByteString EntryOf(string key, string holderId) =>
        ByteString.CopyFromUtf8($"{prefix}{Escape(key)}/{LeaseOf(key, holderId).ToString("x", CultureInfo.InvariantCulture)}");

    /// <summary>What all entries begin with whose lock's key begins so.</summary>
    public ByteString StartOf(string keyPrefix) => ByteString.CopyFromUtf8(prefix + Escape(keyPrefix));

    /// <summary>The key of the lock that an entry belongs to; null where it is none.</summary>
    public string? KeyOf(ByteString entry)
    {
        string name = entry.ToStringUtf8()[prefix.Length..];
        int end = name.IndexOf('/', StringComparison.Ordinal);
        return end <= 0 ? null : Uri.UnescapeDataString(name[..end]);
    }

    /// <summary>The end of the range of all that begins so.</summary>
    public static ByteString EndOf(ByteString start)
    {
        byte[] end = start.ToByteArray();
        end[^1]++;
        return ByteString.CopyFrom(end);
    }

    private static string Escape(string key)
    {
        if (!key.AsSpan().ContainsAnyInRange('\0', ' ') && key.AsSpan().IndexOfAny('/', '%', '\x7f') < 0)
            return key;
        var escaped = new StringBuilder(key.Length + 8);
        foreach (char c in key)
        {
            if (c is <= ' ' or '/' or '%' or '\x7f')
                escaped.Append('%').Append(((int)c).ToString("X2", CultureInfo.InvariantCulture));
            else
                escaped.Append(c);
        }

        return escaped.ToString();
    }
}
