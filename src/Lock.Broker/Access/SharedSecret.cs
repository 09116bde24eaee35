using System.Security.Cryptography;
using System.Text;

namespace Locking;

/// <summary>Each side proves that it knows the secret without sending it: a keyed hash over both sides' random numbers.</summary>
internal static class SharedSecret
{
    public static string NewNonce() => Guid.NewGuid().ToString("N");

    public static string ClientProof(string secret, string clientNonce, string brokerNonce) =>
        Proof(secret, $"client:{clientNonce}:{brokerNonce}");

    public static string BrokerProof(string secret, string clientNonce, string brokerNonce) =>
        Proof(secret, $"broker:{clientNonce}:{brokerNonce}");

    /// <summary>Compares in constant time.</summary>
    public static bool AreSame(string expected, string given) =>
        CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(expected), Encoding.UTF8.GetBytes(given));

    private static string Proof(string secret, string text) =>
        Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), Encoding.UTF8.GetBytes(text)));
}
