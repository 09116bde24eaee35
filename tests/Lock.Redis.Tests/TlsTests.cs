using System.Security.Cryptography.X509Certificates;
using Locking.Conformance;
using Locking.Testing;
using StackExchange.Redis;

namespace Locking;

/// <summary>Encrypted connections: to a server that speaks TLS, with a certificate that is trusted and one that is not, and to the wrong
/// port.</summary>
public sealed class TlsTests : IAsyncLifetime
{
    private const string Secret = "s3cret-pa55word";

    private TlsServer _server = null!;

    public async Task InitializeAsync() => _server = await TlsServer.StartAsync();

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task Over_a_connection_that_trusts_the_authority_locks_work()
    {
        var options = ConfigurationOptions.Parse($"localhost:{_server.TlsPort},ssl=true,sslHost=localhost");
        options.CertificateValidation += (_, certificate, _, _) => IsTrusted(certificate!);
        await using var locks = new StoreLock(new RedisLockStore(await ConnectionMultiplexer.ConnectAsync(options)));
        await using ILockHandle handle = await Eventually.DoneAsync(locks.LockAsync("k").AsTask(), "the lock");
        Assert.NotNull(handle.FencingToken);
        await using RawRedis raw = await RawRedis.ConnectAsync(_server.PlainPort, password: null);
        Assert.StartsWith(handle.Id + " ", (string?)await raw.CommandAsync("GET", "k"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(true, true)]
    [InlineData(false, false)]
    public async Task A_client_certificate_goes_with_the_options_of_the_application(bool hasCertificate, bool lent)
    {
        await using TlsServer server = await TlsServer.StartAsync(asksForCertificates: true);
        var options = ConfigurationOptions.Parse($"localhost:{server.TlsPort},ssl=true,sslHost=localhost");
        options.TrustIssuer(server.AuthorityFile);
        if (hasCertificate)
            options.SetUserPemCertificate(server.ClientFiles.Certificate, server.ClientFiles.Key);
        RedisLockProvider provider =
            lent ? new RedisLockProvider(await ConnectionMultiplexer.ConnectAsync(options)) : new RedisLockProvider(options);
        await using ILockStore store = provider.CreateStore(new RedisLockSettings(), null, LockProviderContext.Default);
        if (!hasCertificate)
        {
            LockStoreException fault = await Eventually.DoneAsync(Assert.ThrowsAsync<LockStoreException>(async () =>
                await store.TryAcquireAsync(new AcquireRequest("k", "id", "tester", TimeSpan.FromMinutes(1)),
                    CancellationToken.None)), "the fault");
            Assert.False(fault.MayHaveBeenApplied);
            return;
        }

        await using var locks = new StoreLock(store);
        await using ILockHandle handle = await Eventually.DoneAsync(locks.LockAsync("k").AsTask(), "the lock");
        await using RawRedis raw = await RawRedis.ConnectAsync(server.PlainPort, password: null);
        Assert.StartsWith(handle.Id + " ", (string?)await raw.CommandAsync("GET", "k"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("rediss://:" + Secret + "@localhost:{0}")]
    [InlineData("localhost:{0},ssl=true,password=" + Secret)]
    public async Task A_certificate_of_an_authority_that_nobody_trusts_is_refused_as_that(string form)
    {
        LockStoreException fault = await FaultAsync(new RedisLockSettings { Url = string.Format(null, form, _server.TlsPort) });
        Assert.Contains("certificate", fault.Message, StringComparison.Ordinal);
        Assert.False(fault.IsTransient, fault.ToString());
        Assert.False(fault.MayHaveBeenApplied);
        Assert.DoesNotContain("password", fault.Message, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(Secret, fault.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_certificate_for_another_host_name_is_refused_as_that()
    {
        LockStoreException fault =
            await FaultAsync(new RedisLockSettings { Url = $"127.0.0.1:{_server.TlsPort},ssl=true,sslHost=redis.example" });
        Assert.Contains("another host name", fault.Message, StringComparison.Ordinal);
        Assert.False(fault.IsTransient, fault.ToString());
    }

    [Fact]
    public async Task Tls_to_a_plain_port_names_tls_and_not_the_password()
    {
        LockStoreException fault =
            await FaultAsync(new RedisLockSettings { Host = "localhost", Port = _server.PlainPort, Tls = true, Password = Secret });
        Assert.Contains("does that port speak TLS?", fault.Message, StringComparison.Ordinal);
        Assert.False(fault.MayHaveBeenApplied);
        Assert.DoesNotContain("refused the user name", fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, fault.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Plain_to_a_TLS_port_says_that_it_may_want_TLS()
    {
        LockStoreException fault = await FaultAsync(new RedisLockSettings { Host = "localhost", Port = _server.TlsPort });
        Assert.Contains("connection.tls", fault.Message, StringComparison.Ordinal);
        Assert.Contains($"localhost:{_server.TlsPort}", fault.Message, StringComparison.Ordinal);
        Assert.False(fault.MayHaveBeenApplied);
    }

    private bool IsTrusted(X509Certificate certificate)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(_server.Authority);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        using X509Certificate2 copy = X509CertificateLoader.LoadCertificate(certificate.GetRawCertData());
        return chain.Build(copy);
    }

    private static async Task<LockStoreException> FaultAsync(RedisLockSettings connection)
    {
        await using ILockStore store = new RedisLockProvider().CreateStore(
            connection with { ConnectTimeout = TimeSpan.FromSeconds(3) }, new LockOptions(), LockProviderContext.Default);
        return await Eventually.DoneAsync(
            Assert.ThrowsAsync<LockStoreException>(async () =>
                await store.TryAcquireAsync(new AcquireRequest("k", "id", "tester", TimeSpan.FromMinutes(1)), CancellationToken.None)),
            "the fault");
    }
}
