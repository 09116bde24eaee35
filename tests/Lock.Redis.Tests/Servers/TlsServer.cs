using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Locking.Testing;

/// <summary>A Redis server that speaks TLS on one port, and plainly on another, with a certificate for <c>localhost</c> of an authority of
/// its own.</summary>
public sealed class TlsServer : IAsyncDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("lock-tls-").FullName;
    private RedisServer _server = null!;

    private TlsServer()
    {
    }

    /// <summary>Where it speaks TLS, on localhost.</summary>
    public int TlsPort { get; private set; }

    /// <summary>Where it speaks plainly.</summary>
    public int PlainPort => _server.Port;

    /// <summary>Who signed its certificate.</summary>
    public X509Certificate2 Authority { get; private set; } = null!;

    /// <summary>The authority's certificate as a file, for <c>SSL_CERT_FILE</c>.</summary>
    public string AuthorityFile => Path.Combine(_directory, "authority.pem");

    /// <summary>The files of a client's certificate by that authority, and of its key.</summary>
    public (string Certificate, string Key) ClientFiles => (At("client.pem"), At("client.key"));

    /// <param name="asksForCertificates">Whether clients need a certificate of the same authority.</param>
    public static async Task<TlsServer> StartAsync(bool asksForCertificates = false)
    {
        var tls = new TlsServer();
        tls.WriteCertificates();
        tls.TlsPort = RedisServer.FreePort();
        tls._server = await RedisServer.StartAsync(
            "--tls-port", $"{tls.TlsPort}", "--tls-cert-file", tls.At("server.pem"), "--tls-key-file", tls.At("server.key"),
            "--tls-ca-cert-file", tls.AuthorityFile, "--tls-auth-clients", asksForCertificates ? "yes" : "no");
        return tls;
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        Authority.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private string At(string file) => Path.Combine(_directory, file);

    private void WriteCertificates()
    {
        (DateTimeOffset from, DateTimeOffset to) = (DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(30));
        using var authorityKey = RSA.Create(2048);
        var authority = new CertificateRequest("CN=Authority of a test", authorityKey, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        authority.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        Authority = authority.CreateSelfSigned(from, to);

        using var clientKey = RSA.Create(2048);
        var client = new CertificateRequest("CN=client", clientKey, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        using X509Certificate2 clientCertificate = client.Create(Authority, from, to, [5, 6, 7, 8]);
        File.WriteAllText(At("client.pem"), clientCertificate.ExportCertificatePem());
        File.WriteAllText(At("client.key"), clientKey.ExportPkcs8PrivateKeyPem());

        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        using X509Certificate2 certificate = request.Create(Authority, from, to, [1, 2, 3, 4]);
        File.WriteAllText(AuthorityFile, Authority.ExportCertificatePem());
        File.WriteAllText(At("server.pem"), certificate.ExportCertificatePem());
        File.WriteAllText(At("server.key"), key.ExportPkcs8PrivateKeyPem());
    }
}
