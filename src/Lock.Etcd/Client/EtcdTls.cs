using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Locking;

/// <summary>Whom to trust and as whom to come, by files.</summary>
internal static class EtcdTls
{
    /// <summary>Reads the files.</summary>
    /// <param name="authority">The certificates of who signs the members' certificates; null: as the system trusts.</param>
    /// <param name="certificate">This client's certificate; null: none.</param>
    /// <param name="key">The key of that.</param>
    /// <exception cref="CryptographicException">A file holds something else.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public static SslClientAuthenticationOptions From(string? authority, string? certificate, string? key)
    {
        var options = new SslClientAuthenticationOptions();
        if (authority is not null)
        {
            options.CertificateChainPolicy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck,
            };
            options.CertificateChainPolicy.CustomTrustStore.ImportFromPemFile(authority);
        }

        if (certificate is not null)
            options.ClientCertificates = [X509Certificate2.CreateFromPemFile(certificate, key)];
        return options;
    }
}
