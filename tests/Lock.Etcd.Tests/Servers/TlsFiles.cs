using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Locking.Testing;

/// <summary>An authority's certificate, and those that it signed for a server on localhost and for a client, as files.</summary>
public sealed class TlsFiles : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("lock-etcd-tls-").FullName;

    public TlsFiles()
    {
        (DateTimeOffset from, DateTimeOffset to) = (DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(30));
        using var authorityKey = RSA.Create(2048);
        var authority = new CertificateRequest("CN=Authority of a test", authorityKey, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        authority.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using X509Certificate2 signer = authority.CreateSelfSigned(from, to);
        File.WriteAllText(Authority, signer.ExportCertificatePem());
        Sign("server", static names => names.AddDnsName("localhost"), [1, 2, 3, 4]);
        Sign("client", static names => names.AddDnsName("client"), [5, 6, 7, 8]);

        void Sign(string name, Action<SubjectAlternativeNameBuilder> says, byte[] serial)
        {
            using var key = RSA.Create(2048);
            var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
            var names = new SubjectAlternativeNameBuilder();
            says(names);
            request.CertificateExtensions.Add(names.Build());
            using X509Certificate2 certificate = request.Create(signer, from, to, serial);
            File.WriteAllText(At($"{name}.pem"), certificate.ExportCertificatePem());
            File.WriteAllText(At($"{name}.key"), key.ExportPkcs8PrivateKeyPem());
        }
    }

    public string Authority => At("authority.pem");

    public (string Certificate, string Key) Server => (At("server.pem"), At("server.key"));

    public (string Certificate, string Key) Client => (At("client.pem"), At("client.key"));

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private string At(string file) => Path.Combine(_directory, file);
}
