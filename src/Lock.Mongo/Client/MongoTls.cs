using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Locking;

/// <summary>The TLS options of MongoDB's URIs that its .NET driver does not know: files, and what not to check.</summary>
/// <param name="Roots">Certificates to trust instead of the machine's, if any.</param>
/// <param name="ClientCertificate">What to show the server, if it asks.</param>
/// <param name="AllowInvalidCertificates">Trust any certificate: encryption without knowing with whom.</param>
/// <param name="AllowInvalidHostnames">Trust a valid certificate of another host.</param>
internal sealed record MongoTls(X509Certificate2Collection? Roots, X509Certificate2? ClientCertificate, bool AllowInvalidCertificates,
    bool AllowInvalidHostnames)
{
    /// <summary>The driver's own check does not do.</summary>
    public bool NeedsCallback => Roots is not null || AllowInvalidCertificates || AllowInvalidHostnames;

    /// <summary>Reads a file of PEM certificates.</summary>
    /// <exception cref="FormatException">Says what is wrong with it.</exception>
    public static X509Certificate2Collection ReadRoots(string file)
    {
        var roots = new X509Certificate2Collection();
        try
        {
            roots.ImportFromPemFile(file);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new FormatException($"a readable file of PEM certificates ({exception.Message})", exception);
        }

        return roots.Count > 0 ? roots : throw new FormatException("a file with at least one PEM certificate");
    }

    /// <summary>Reads a PEM file with a certificate and its private key.</summary>
    /// <exception cref="FormatException">Says what is wrong with it.</exception>
    public static X509Certificate2 ReadClientCertificate(string file, string? password)
    {
        try
        {
            return password is null
                ? X509Certificate2.CreateFromPemFile(file) : X509Certificate2.CreateFromEncryptedPemFile(file, password);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new FormatException($"a readable PEM file with a certificate and its private key ({exception.Message})", exception);
        }
    }

    /// <summary>The callback for the driver.</summary>
    public bool IsAccepted(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        // The machine's own roots have no say where others are given.
        if (Roots is not null)
            errors = (errors & ~SslPolicyErrors.RemoteCertificateChainErrors) | (HasRoot(certificate, chain)
                ? SslPolicyErrors.None : SslPolicyErrors.RemoteCertificateChainErrors);
        SslPolicyErrors allowed = AllowInvalidHostnames ? SslPolicyErrors.RemoteCertificateNameMismatch : SslPolicyErrors.None;
        if (AllowInvalidCertificates)
            allowed |= SslPolicyErrors.RemoteCertificateChainErrors | SslPolicyErrors.RemoteCertificateNameMismatch;
        return (errors & ~allowed) == SslPolicyErrors.None;
    }

    private bool HasRoot(X509Certificate? certificate, X509Chain? sent)
    {
        if (certificate is null) return false;
        using var chain = new X509Chain { ChainPolicy = { TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck } };
        chain.ChainPolicy.CustomTrustStore.AddRange(Roots!);
        if (sent is not null) chain.ChainPolicy.ExtraStore.AddRange(sent.ChainElements.Select(element => element.Certificate).ToArray());
        using var copy = new X509Certificate2(certificate);
        return chain.Build(copy);
    }
}
