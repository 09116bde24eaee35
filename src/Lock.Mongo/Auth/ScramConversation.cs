using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Locking;

/// <summary>The client's half of SCRAM-SHA-256 (RFC 5802 and 7677), without channel binding: texts in, texts out.</summary>
internal sealed class ScramConversation(ScramCredential credential, string clientNonce)
{
    private const int LeastIterations = 4096;
    private const int MostIterations = 10_000_000;
    private const string NoChannelBinding = "biws"; // base64 of "n,,"
    private byte[] _serverSignature = [];

    private string FirstBare => $"n={credential.User.Replace("=", "=3D", StringComparison.Ordinal).Replace(",", "=2C", StringComparison.Ordinal)},r={clientNonce}";

    public static string NewNonce() => Convert.ToBase64String(RandomNumberGenerator.GetBytes(24));

    public string First() => "n,," + FirstBare;

    /// <summary>The proof that answers the server's challenge.</summary>
    /// <exception cref="FormatException">The challenge is malformed, weaker than allowed, or not for us.</exception>
    public string Final(string challenge)
    {
        Dictionary<char, string> fields = Split(challenge);
        string nonce = Field(fields, 'r');
        if (nonce.Length <= clientNonce.Length || !nonce.StartsWith(clientNonce, StringComparison.Ordinal)) throw new FormatException("the server's nonce does not continue ours");
        if (!int.TryParse(Field(fields, 'i'), NumberStyles.None, CultureInfo.InvariantCulture, out int iterations) || iterations is < LeastIterations or > MostIterations)
            throw new FormatException($"the server asks for '{fields['i']}' iterations; {LeastIterations} to {MostIterations} are allowed");

        byte[] salted = credential.SaltedPassword(Convert.FromBase64String(Field(fields, 's')), iterations);
        byte[] clientKey = HMACSHA256.HashData(salted, "Client Key"u8);
        string withoutProof = $"c={NoChannelBinding},r={nonce}";
        byte[] authMessage = Encoding.UTF8.GetBytes($"{FirstBare},{challenge},{withoutProof}");
        byte[] proof = HMACSHA256.HashData(SHA256.HashData(clientKey), authMessage);
        for (int i = 0; i < proof.Length; i++) proof[i] ^= clientKey[i];
        _serverSignature = HMACSHA256.HashData(HMACSHA256.HashData(salted, "Server Key"u8), authMessage);
        return $"{withoutProof},p={Convert.ToBase64String(proof)}";
    }

    /// <summary>Checks that the server knows the password as well.</summary>
    /// <exception cref="FormatException">It does not, or the text is malformed.</exception>
    public void Verify(string serverFinal)
    {
        byte[] signature = Convert.FromBase64String(Field(Split(serverFinal), 'v'));
        if (_serverSignature.Length == 0 || !CryptographicOperations.FixedTimeEquals(signature, _serverSignature))
            throw new FormatException("the server's signature is wrong: it does not know the password");
    }

    private static Dictionary<char, string> Split(string message)
    {
        var fields = new Dictionary<char, string>();
        foreach (string part in message.Split(','))
        {
            if (part.Length < 2 || part[1] != '=' || !fields.TryAdd(part[0], part[2..])) throw new FormatException("the server's message is malformed");
        }

        return fields;
    }

    private static string Field(Dictionary<char, string> fields, char name) =>
        fields.TryGetValue(name, out string? value) ? value : throw new FormatException($"the server's message has no '{name}'");
}
