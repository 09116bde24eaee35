using System.Net.Security;
using Locking.Testing;

namespace Locking;

/// <summary>Encrypted connections, and what goes wrong with them.</summary>
public sealed class TlsTests : IDisposable
{
    private readonly TlsFiles _files = new();

    private string[] Tls => ["--cert-file", _files.Server.Certificate, "--key-file", _files.Server.Key];

    public void Dispose() => _files.Dispose();

    [Fact]
    public async Task Over_tls_to_a_member_whose_authority_is_named()
    {
        await using EtcdServer server = await EtcdServer.StartAsync(Tls);
        await using ILock locks = Locks(server.Url, EtcdTls.From(_files.Authority, null, null));
        await (await locks.LockAsync("a")).DisposeAsync();
    }

    [Fact]
    public async Task With_a_certificate_where_the_member_wants_one()
    {
        await using EtcdServer server = await EtcdServer.StartAsync([.. Tls, "--client-cert-auth", "--trusted-ca-file", _files.Authority]);
        await using ILock locks = Locks(server.Url, EtcdTls.From(_files.Authority, _files.Client.Certificate, _files.Client.Key));
        await (await locks.LockAsync("a")).DisposeAsync();

        // The member hangs up after the handshake: whether the client sees why, or only that, is chance.
        await AssertFaultAsync(server.Url, EtcdTls.From(_files.Authority, null, null), isTransient: null, "connection.certFile");
    }

    [Fact]
    public async Task A_certificate_that_nobody_trusts_is_refused_for_good()
    {
        await using EtcdServer server = await EtcdServer.StartAsync(Tls);
        await AssertFaultAsync(server.Url, null, isTransient: false, "does not trust the other's certificate");
        await AssertFaultAsync(server.Url.Replace("localhost", "127.0.0.1"), EtcdTls.From(_files.Authority, null, null), isTransient: false,
            "RemoteCertificateNameMismatch");
    }

    [Fact]
    public async Task Tls_to_a_member_that_speaks_plainly_says_what_not_to_set()
    {
        await using EtcdServer server = await EtcdServer.StartAsync();
        await AssertFaultAsync(server.Url.Replace("http:", "https:"), null, isTransient: true,
            "If it speaks plainly, do not set connection.tls");
    }

    [Fact]
    public async Task Plainly_to_a_member_that_speaks_tls_says_what_to_set()
    {
        await using EtcdServer server = await EtcdServer.StartAsync(Tls);
        await AssertFaultAsync(server.Url.Replace("https:", "http:"), null, isTransient: true, "If it speaks TLS, set connection.tls");
    }

    private static async Task AssertFaultAsync(string url, SslClientAuthenticationOptions? tls, bool? isTransient, string why)
    {
        await using ILock locks = Locks(url, tls);
        LockStoreException fault = await Assert.ThrowsAsync<LockStoreException>(async () => await locks.TryLockAsync("a"));
        Assert.True(fault.Message.Contains(why, StringComparison.Ordinal) && (isTransient ?? fault.IsTransient) == fault.IsTransient,
            fault.ToString());
    }

    private static StoreLock Locks(string url, SslClientAuthenticationOptions? tls) =>
        new(new EtcdLockStore(EtcdFixture.SettingsAt([url]) with { Tls = tls }, TimeProvider.System));
}
