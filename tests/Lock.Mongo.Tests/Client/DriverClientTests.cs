using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Locking.Conformance;
using MongoDB.Bson;
using MongoDB.Driver.Core.Servers;

namespace Locking;

/// <summary>Commands through the driver, as a configuration makes it: what is known of each, and what is said when it fails.</summary>
public sealed class DriverClientTests(MongoServer server) : IClassFixture<MongoServer>
{
    private static readonly BsonDocument s_ping = new("ping", 1);

    [Fact]
    public async Task A_command_gets_its_reply()
    {
        using DriverCommandRunner client = TestStore.RunnerOf(server.Uri);
        Assert.True(await PingAsync(client));
    }

    [Fact]
    public async Task Connections_are_used_again_and_closed_with_the_client()
    {
        await using MongoGateway gateway = server.StartGateway();
        using (DriverCommandRunner client = TestStore.RunnerOf(gateway.Uri))
        {
            for (int i = 0; i < 5; i++) Assert.True(await PingAsync(client));
            Assert.Equal(2, gateway.Accepted); // one to find out who takes writes, one for commands
        }

        await Eventually.TrueAsync(() => gateway.Open == 0, "all connections were closed");
    }

    [Fact]
    public async Task Authenticates_and_names_what_was_refused()
    {
        await using TestUser user = await TestUser.CreateAsync(server);
        await using MongoGateway gateway = server.StartGateway(new GatewayOptions(Authentication: true));
        BsonDocument command = new("count", MongoServer.NewCollection());

        using DriverCommandRunner right = TestStore.RunnerOf($"mongodb://{user.Name}:{user.Password}@{gateway.Address}/");
        Assert.True(MongoReply.Parse(await right.RunAsync("d", command, default)).Ok);

        using DriverCommandRunner wrong = TestStore.RunnerOf($"mongodb://{user.Name}:s3cret@{gateway.Address}/");
        LockStoreException exception =
            await Assert.ThrowsAsync<LockStoreException>(async () => await wrong.RunAsync("d", command, default));
        Assert.False(exception.IsTransient);
        Assert.False(exception.MayHaveBeenApplied);
        Assert.Contains(user.Name, exception.Message, StringComparison.Ordinal);
        Assert.Contains("authSource 'admin'", exception.Message, StringComparison.Ordinal);
        Assert.Contains("Check connection.username, connection.password", exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", exception.ToString(), StringComparison.Ordinal);

        using DriverCommandRunner none = TestStore.RunnerOf(gateway.Uri);
        Assert.Equal(13, MongoReply.Parse(await none.RunAsync("d", command, default)).Code);
    }

    [Fact]
    public async Task A_server_that_does_not_know_the_mechanism_is_reported_by_name_at_once()
    {
        await using MongoGateway gateway = server.StartGateway(new GatewayOptions(Authentication: true));
        gateway.Faults.Decide = command => command == "saslStart" ? GatewayFault.MechanismUnavailable : null;
        using DriverCommandRunner client = TestStore.RunnerOf($"mongodb://app:s3cret@{gateway.Address}/?authMechanism=SCRAM-SHA-256");
        LockStoreException exception = await Assert.ThrowsAsync<LockStoreException>(() => PingAsync(client));
        Assert.False(exception.IsTransient);
        Assert.False(exception.MayHaveBeenApplied);
        Assert.Contains("SCRAM-SHA-256", exception.Message, StringComparison.Ordinal);
        Assert.Contains("code 334", exception.Message, StringComparison.Ordinal);
        Assert.Contains(gateway.Address, exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", exception.ToString(), StringComparison.Ordinal);
        Assert.Equal(["saslStart"], gateway.Log);
    }

    [Fact]
    public async Task Tls_checks_the_certificate()
    {
        (X509Certificate2 certificate, string rootFile) = Certificate();
        await using MongoGateway gateway = server.StartGateway(new GatewayOptions(Certificate: certificate));
        using DriverCommandRunner trusting = TestStore.RunnerOf(
            $"mongodb://localhost:{gateway.Port}/?directConnection=true&tls=true&tlsCAFile={Uri.EscapeDataString(rootFile)}");
        Assert.True(await PingAsync(trusting));
        using DriverCommandRunner insecure = TestStore.RunnerOf(gateway.Uri + "?tlsInsecure=true");
        Assert.True(await PingAsync(insecure));

        using DriverCommandRunner strict = TestStore.RunnerOf($"mongodb://localhost:{gateway.Port}/?tls=true");
        LockStoreException untrusted = await Assert.ThrowsAsync<LockStoreException>(() => PingAsync(strict));
        Assert.False(untrusted.IsTransient);
        Assert.Contains("tlsCAFile", untrusted.Message, StringComparison.Ordinal);

        using DriverCommandRunner otherName =
            TestStore.RunnerOf($"mongodb://127.0.0.1:{gateway.Port}/?tlsCAFile={Uri.EscapeDataString(rootFile)}");
        Assert.False((await Assert.ThrowsAsync<LockStoreException>(() => PingAsync(otherName))).IsTransient);
        File.Delete(rootFile);
    }

    [Fact]
    public async Task Tls_on_one_side_only_is_told_at_once_and_for_good()
    {
        (X509Certificate2 certificate, string rootFile) = Certificate();
        File.Delete(rootFile);
        await using MongoGateway secure = server.StartGateway(new GatewayOptions(Certificate: certificate));
        using DriverCommandRunner plain = TestStore.RunnerOf(secure.Uri);
        LockStoreException unspoken = await Assert.ThrowsAsync<LockStoreException>(() => PingAsync(plain));
        Assert.Contains($"{secure.Address} uses TLS", unspoken.Message, StringComparison.Ordinal);
        Assert.Contains("tls=true", unspoken.Message, StringComparison.Ordinal);
        await using MongoGateway open = server.StartGateway();
        using DriverCommandRunner tls = TestStore.RunnerOf(open.Uri + "?tlsInsecure=true");
        LockStoreException unheard = await Assert.ThrowsAsync<LockStoreException>(() => PingAsync(tls));
        Assert.Contains($"{open.Address} does not use TLS", unheard.Message, StringComparison.Ordinal);
        Assert.All([unspoken, unheard], exception => Assert.False(exception.IsTransient || exception.MayHaveBeenApplied));
    }

    [Theory]
    [InlineData(3)]
    [InlineData(8)]
    public async Task A_server_that_is_too_old_is_told_at_once_and_for_good(int wireVersion)
    {
        await using MongoGateway gateway = server.StartGateway();
        gateway.WireVersion = wireVersion;
        using DriverCommandRunner client = TestStore.RunnerOf(gateway.Uri);
        LockStoreException exception = await Assert.ThrowsAsync<LockStoreException>(() => PingAsync(client));
        Assert.False(exception.IsTransient || exception.MayHaveBeenApplied);
        Assert.Contains(gateway.Address, exception.Message, StringComparison.Ordinal);
        Assert.Contains($"{wireVersion}", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_replica_set_must_have_the_name_asked_for()
    {
        await using MongoGateway gateway = server.StartGateway(new GatewayOptions(ReplicaSet: "rs0"));
        using DriverCommandRunner right = TestStore.RunnerOf(gateway.Uri + "?replicaSet=rs0");
        Assert.True(await PingAsync(right));
        using DriverCommandRunner wrong = TestStore.RunnerOf(gateway.Uri + "?replicaSet=rs1");
        LockStoreException exception = await Assert.ThrowsAsync<LockStoreException>(() => PingAsync(wrong));
        Assert.Contains("'rs0'", exception.Message, StringComparison.Ordinal);
        Assert.Contains("'rs1'", exception.Message, StringComparison.Ordinal);
        Assert.False(exception.IsTransient);
    }

    [Fact]
    public async Task The_primary_is_found_through_a_secondary_and_followed_when_it_changes()
    {
        await using MongoGateway a = server.StartGateway(new GatewayOptions(ReplicaSet: "rs0"));
        await using MongoGateway b = server.StartGateway(new GatewayOptions(ReplicaSet: "rs0"));
        a.OtherPrimary = b.Address;
        using DriverCommandRunner client = TestStore.RunnerOf(a.Uri + "?replicaSet=rs0");
        Assert.True(await PingAsync(client));
        Assert.Equal(["ping"], b.Log);
        Assert.Empty(a.Log);

        // The roles change; the old primary refuses, so the command is repeated at the new one.
        b.OtherPrimary = a.Address;
        a.OtherPrimary = null;
        b.Faults.Inject("ping", GatewayFault.NotWritablePrimary);
        Assert.True(MongoReply.Parse(await TestStore.StepAsync(client, s_ping)).Ok);
        Assert.Equal(["ping"], a.Log);
        Assert.Equal(["ping", "ping"], b.Log);
    }

    [Fact]
    public async Task No_primary_and_no_server_are_reported_after_the_selection_timeout()
    {
        await using MongoGateway secondary = server.StartGateway(new GatewayOptions(ReplicaSet: "rs0"));
        secondary.OtherPrimary = $"127.0.0.1:{ClosedPort()}";
        LockStoreException exception = await TestStore.SearchInVainAsync(secondary.Uri + "?", seen => seen.Servers.Count == 2
            && seen.Servers.Any(one => one.State == ServerState.Connected) && seen.Servers.Any(one => one.HeartbeatException is not null));
        Assert.True(exception.IsTransient);
        Assert.False(exception.MayHaveBeenApplied);
        Assert.Contains("does not take writes", exception.Message, StringComparison.Ordinal);
        Assert.Contains($"Cannot connect to {secondary.OtherPrimary}", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(GatewayFault.CloseBefore)]
    [InlineData(GatewayFault.LoseReply)]
    [InlineData(GatewayFault.TruncateReply)]
    [InlineData(GatewayFault.OversizeReply)]
    [InlineData(GatewayFault.MalformedReply)]
    [InlineData(GatewayFault.WrongRequestId)]
    internal async Task A_broken_exchange_is_transient_of_unknown_effect_and_costs_one_connection(GatewayFault fault)
    {
        await using MongoGateway gateway = server.StartGateway();
        using DriverCommandRunner client =
            TestStore.RunnerOf(gateway.Uri + (fault == GatewayFault.WrongRequestId ? "?socketTimeoutMS=2000" : ""));
        gateway.Faults.Inject("ping", fault);
        LockStoreException exception = await Assert.ThrowsAsync<LockStoreException>(() => PingAsync(client));
        Assert.True(exception.IsTransient);
        Assert.True(exception.MayHaveBeenApplied);
        Assert.Contains(gateway.Address, exception.Message, StringComparison.Ordinal);
        Assert.True(await PingAsync(client));
    }

    [Fact]
    public async Task A_server_that_closed_idle_connections_costs_a_repeat_and_no_more()
    {
        await using MongoGateway gateway = server.StartGateway();
        await using var store = new TestStore(gateway.Uri);
        string id = TestStore.NewId();
        Assert.True((await store.AcquireAsync("k", id)).IsGranted);
        gateway.CloseConnections();
        Assert.Equal(StoreReply.Done, await store.ReleaseAsync("k", id));
    }

    [Fact]
    public async Task A_server_that_is_gone_and_back_is_found_again()
    {
        MongoGateway first = server.StartGateway();
        int port = first.Port;
        using DriverCommandRunner client = TestStore.RunnerOf(first.Uri);
        Assert.True(await PingAsync(client));
        DriverCommandRunner impatient = await TestStore.ImpatientAsync(client);
        await first.DisposeAsync();
        Assert.True((await Assert.ThrowsAsync<LockStoreException>(() => PingAsync(impatient))).IsTransient);
        await using MongoGateway second = server.StartGateway(port: port);
        Assert.True(await PingAsync(client));
    }

    [Fact]
    public async Task A_silent_server_is_given_up_after_the_command_timeout()
    {
        await using MongoGateway gateway = server.StartGateway();
        using DriverCommandRunner client = TestStore.RunnerOf(gateway.Uri + "?socketTimeoutMS=100");
        gateway.Faults.Inject("ping", GatewayFault.Delay);
        LockStoreException exception = await Assert.ThrowsAsync<LockStoreException>(() => PingAsync(client));
        Assert.Contains("commandTimeout (100 ms)", exception.Message, StringComparison.Ordinal);
        Assert.True(exception.MayHaveBeenApplied);
        gateway.Faults.Release();
    }

    [Fact]
    public async Task Cancelling_is_prompt_and_closes_the_connection()
    {
        await using MongoGateway gateway = server.StartGateway();
        using DriverCommandRunner client = TestStore.RunnerOf(gateway.Uri + "?socketTimeoutMS=0");
        gateway.Faults.Inject("ping", GatewayFault.Delay);
        using var cancel = new CancellationTokenSource();
        Task delayed = gateway.Faults.Delayed;
        Task<BsonDocument> running = client.RunAsync("admin", s_ping, cancel.Token).AsTask();
        await delayed;
        int open = gateway.Open;
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        gateway.Faults.Release();
        await Eventually.TrueAsync(() => gateway.Open < open, "the connection was closed");
        Assert.True(await PingAsync(client));
    }

    [Fact]
    public async Task Something_else_than_MongoDB_is_reported()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        Task answering = AnswerAsync(listener);
        LockStoreException exception = await TestStore.SearchInVainAsync($"mongodb://{listener.LocalEndpoint}/?",
            seen => seen.Servers.Any(one => one.HeartbeatException is not null));
        Assert.Contains("Is this a MongoDB server?", exception.Message, StringComparison.Ordinal);
        await answering;

        static async Task AnswerAsync(TcpListener listener)
        {
            using Socket socket = await listener.AcceptSocketAsync();
            await socket.SendAsync("HTTP/1.1 400 Bad Request\r\n\r\nthis is a web server"u8.ToArray());
            await socket.ReceiveAsync(new byte[4096]);
        }
    }

    private static async Task<bool> PingAsync(DriverCommandRunner client) =>
        MongoReply.Parse(await client.RunAsync("admin", s_ping, default)).Ok;

    private static int ClosedPort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static (X509Certificate2 Certificate, string File) Certificate()
    {
        using RSA key = RSA.Create(2048);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(
            new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true));
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        X509Certificate2 certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        string file = Path.GetTempFileName();
        File.WriteAllText(file, certificate.ExportCertificatePem());
        return (certificate, file);
    }
}
