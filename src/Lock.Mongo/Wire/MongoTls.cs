using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Locking;

/// <summary>How to secure connections.</summary>
/// <param name="Roots">Certificates to trust instead of the machine's, if any.</param>
/// <param name="ClientCertificate">What to show the server, if it asks.</param>
/// <param name="AllowInvalidCertificates">Trust any certificate: encryption without knowing with whom.</param>
/// <param name="AllowInvalidHostnames">Trust a valid certificate of another host.</param>
internal sealed record MongoTls(
    X509Certificate2Collection? Roots = null,
    X509Certificate2? ClientCertificate = null,
    bool AllowInvalidCertificates = false,
    bool AllowInvalidHostnames = false)
{
    public SslClientAuthenticationOptions ForHost(string host)
    {
        var options = new SslClientAuthenticationOptions { TargetHost = host };
        if (ClientCertificate is not null) options.ClientCertificates = [ClientCertificate];
        if (Roots is not null)
        {
            options.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            options.CertificateChainPolicy.CustomTrustStore.AddRange(Roots);
        }

        if (AllowInvalidCertificates || AllowInvalidHostnames) options.RemoteCertificateValidationCallback = IsAccepted;
        return options;
    }

    private bool IsAccepted(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        SslPolicyErrors allowed = AllowInvalidHostnames ? SslPolicyErrors.RemoteCertificateNameMismatch : SslPolicyErrors.None;
        if (AllowInvalidCertificates) allowed |= SslPolicyErrors.RemoteCertificateChainErrors | SslPolicyErrors.RemoteCertificateNameMismatch;
        return (errors & ~allowed) == SslPolicyErrors.None;
    }
}
