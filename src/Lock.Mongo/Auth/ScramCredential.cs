using System.Security.Cryptography;
using System.Text;

namespace Locking;

/// <summary>A user name and password, and the key derived from them: deriving takes milliseconds, and each new connection needs it.</summary>
internal sealed class ScramCredential(string user, string password)
{
    private readonly byte[] _password = Encoding.UTF8.GetBytes(SaslPrep.Prepare(password));
    private Derived? _last;

    public string User => user;

    /// <summary>SaltedPassword of RFC 5802, with SHA-256.</summary>
    public byte[] SaltedPassword(byte[] salt, int iterations)
    {
        Derived? last = Volatile.Read(ref _last);
        if (last is not null && last.Iterations == iterations && last.Salt.AsSpan().SequenceEqual(salt)) return last.Key;
        byte[] key = Rfc2898DeriveBytes.Pbkdf2(_password, salt, iterations, HashAlgorithmName.SHA256, 32);
        Volatile.Write(ref _last, new Derived(salt, iterations, key));
        return key;
    }

    private sealed record Derived(byte[] Salt, int Iterations, byte[] Key);
}
