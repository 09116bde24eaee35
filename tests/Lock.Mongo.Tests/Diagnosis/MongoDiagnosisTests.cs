using System.Net;
using System.Net.Sockets;
using MongoDB.Bson;

namespace Locking;

/// <summary>What the store says of its server and its collection.</summary>
public sealed class MongoDiagnosisTests(MongoServer server) : IClassFixture<MongoServer>
{
    [Fact]
    public async Task A_replica_set_with_a_collection_of_locks_alone_is_safe_and_introduced()
    {
        await using MongoGateway gateway = server.StartGateway(new GatewayOptions(ReplicaSet: "rs0"));
        await using TestStore store = Store(gateway.Uri);
        await store.AcquireAsync("k", TestStore.NewId());
        StoreFinding only = Assert.Single(await store.Store.DiagnoseAsync());
        Assert.Equal(("server", false), (only.Code, only.IsWarning));
        Assert.Equal($"MongoDB 7.0.0 (wire version 21) at {gateway.Address}, replica set 'rs0' with 1 member.", only.Text);
    }

    [Fact]
    public async Task Looking_changes_nothing()
    {
        await using MongoGateway gateway = server.StartGateway(new GatewayOptions(ReplicaSet: "rs0"));
        await using TestStore store = Store(gateway.Uri);
        Assert.Equal(["server"], Codes(await store.Store.DiagnoseAsync()));
        Assert.Equal(["listIndexes", "find", "buildInfo"], gateway.Log);
        await Assert.ThrowsAsync<MongoRefusedException>(
            () => store.CommandAsync(new() { { "listIndexes", store.Settings.Collection }, { "cursor", new BsonDocument() } }));
    }

    [Fact]
    public async Task A_standalone_has_no_majority()
    {
        await using MongoGateway gateway = server.StartGateway();
        await using TestStore store = Store(gateway.Uri);
        StoreFinding finding = One(await store.Store.DiagnoseAsync(), "standalone");
        Assert.True(finding.IsWarning);
        Assert.Contains("replica set", finding.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1", true)]
    [InlineData("2", false)]
    [InlineData("majority", false)]
    public async Task A_write_concern_below_the_majority_is_named(string concern, bool isWeak)
    {
        await using MongoGateway other = server.StartGateway(new GatewayOptions(ReplicaSet: "rs0"));
        await using MongoGateway gateway = server.StartGateway(new GatewayOptions(ReplicaSet: "rs0"));
        other.OtherPrimary = gateway.Address;
        gateway.OtherMember = other.Address;
        await using TestStore store = Store(gateway.Uri, s => s with { WriteConcern = concern });
        IReadOnlyList<StoreFinding> findings = await store.Store.DiagnoseAsync();
        Assert.Equal(isWeak ? ["weak-write-concern", "server"] : ["server"], Codes(findings));
        if (isWeak) Assert.Contains("connection.writeConcern is 1", findings[0].Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Members_that_do_not_answer_or_have_another_time_are_named()
    {
        using var closed = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        closed.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        await using MongoGateway other = server.StartGateway(new GatewayOptions(ReplicaSet: "rs0"));
        await using MongoGateway gateway = server.StartGateway(new GatewayOptions(ReplicaSet: "rs0"));
        other.OtherPrimary = gateway.Address;
        other.ClockOffset = TimeSpan.FromSeconds(30);
        gateway.OtherMember = other.Address;
        await using TestStore store = Store(gateway.Uri);
        StoreFinding clocks = One(await store.Store.DiagnoseAsync(), "clocks-differ");
        Assert.True(clocks.IsWarning);
        Assert.Contains(other.Address, clocks.Text, StringComparison.Ordinal);
        Assert.Matches(@"(29\.[5-9]|30\.[0-5]) s apart", clocks.Text);

        gateway.OtherMember = closed.LocalEndPoint!.ToString();
        await using TestStore again = Store(gateway.Uri);
        StoreFinding gone = One(await again.Store.DiagnoseAsync(), "member-not-reachable");
        Assert.True(gone.IsWarning);
        Assert.Contains(gateway.OtherMember!, gone.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(-90, "behind")]
    [InlineData(90, "ahead of")]
    public async Task A_clock_that_differs_from_ours_is_a_note(int seconds, string how)
    {
        await using MongoGateway gateway = server.StartGateway(new GatewayOptions(ReplicaSet: "rs0"));
        gateway.ClockOffset = TimeSpan.FromSeconds(seconds);
        await using TestStore store = Store(gateway.Uri);
        StoreFinding finding = One(await store.Store.DiagnoseAsync(), "clock-skew");
        Assert.False(finding.IsWarning);
        Assert.Matches($@"(89\.[5-9]|90\.[0-5]) s {how} this machine", finding.Text);
    }

    [Fact]
    public async Task A_missing_index_is_noted_and_made_by_the_next_lock()
    {
        await using MongoGateway gateway = server.StartGateway(new GatewayOptions(ReplicaSet: "rs0"));
        await using TestStore store = Store(gateway.Uri);
        await store.InsertAsync("{ _id: 'k', token: NumberLong(1) }");
        StoreFinding finding = One(await store.Store.DiagnoseAsync(), "no-purge-index");
        Assert.False(finding.IsWarning);
        await store.AcquireAsync("k", TestStore.NewId());
        Assert.Equal(["server"], Codes(await store.Store.DiagnoseAsync()));
    }

    [Fact]
    public async Task An_index_on_purgeAt_with_other_options_is_noted()
    {
        await using MongoGateway gateway = server.StartGateway(new GatewayOptions(ReplicaSet: "rs0"));
        await using TestStore store = Store(gateway.Uri);
        await store.CreateIndexAsync("late", "purgeAt", new("expireAfterSeconds", 7200));
        StoreFinding finding = One(await store.Store.DiagnoseAsync(), "other-purge-index");
        Assert.False(finding.IsWarning);
        Assert.Contains("'late'", finding.Text, StringComparison.Ordinal);
        Assert.Contains("7200 s late", finding.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Indexes_that_remove_locks_or_forbid_them_are_warned_of()
    {
        await using MongoGateway gateway = server.StartGateway(new GatewayOptions(ReplicaSet: "rs0"));
        await using TestStore store = Store(gateway.Uri);
        await store.AcquireAsync("k", TestStore.NewId());
        await store.CreateIndexAsync("early", "expiresAt", new("expireAfterSeconds", 0));
        await store.CreateIndexAsync("one_owner", "owner", new("unique", true));
        IReadOnlyList<StoreFinding> findings = await store.Store.DiagnoseAsync();
        Assert.Contains("'early'", One(findings, "foreign-ttl-index").Text, StringComparison.Ordinal);
        Assert.Contains("'one_owner'", One(findings, "unique-index").Text, StringComparison.Ordinal);
        Assert.All(findings.Where(f => f.Code != "server"), f => Assert.True(f.IsWarning));
    }

    [Fact]
    public async Task Documents_of_others_are_warned_of()
    {
        await using MongoGateway gateway = server.StartGateway(new GatewayOptions(ReplicaSet: "rs0"));
        await using TestStore store = Store(gateway.Uri);
        await store.AcquireAsync("k", TestStore.NewId());
        await store.InsertAsync("{ _id: 'invoice-7', colour: 'red' }");
        StoreFinding finding = One(await store.Store.DiagnoseAsync(), "foreign-documents");
        Assert.True(finding.IsWarning);
        Assert.Contains("'invoice-7'", finding.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_of_the_applications_may_lead_to_an_old_server_or_a_secondary()
    {
        using DriverCommandRunner client = TestStore.RunnerOf(server.Gateway.Uri);
        var runner = new ScriptedRunner(client, name => name switch
        {
            "hello" => BsonDocument.Parse("{ isWritablePrimary: false, secondary: true, setName: 'rs0', hosts: ['db1:27017', "
                + "'db2:27017'], maxWireVersion: 8, ok: 1 }"),
            "buildInfo" => BsonDocument.Parse("{ version: '4.2.24', ok: 1 }"),
            _ => null,
        });
        var store = new MongoLockStore(runner, new MongoStoreSettings { Database = "lock_tests", Collection = MongoServer.NewCollection() },
            TimeProvider.System);
        IReadOnlyList<StoreFinding> findings = await store.DiagnoseAsync();
        Assert.Equal(["old-server", "not-primary", "server"], Codes(findings));
        Assert.Equal("MongoDB 4.2.24 (wire version 8), replica set 'rs0' with 2 members.", findings[^1].Text);
    }

    [Fact]
    public async Task A_mongos_is_neither_a_standalone_nor_known_to_have_members()
    {
        using DriverCommandRunner client = TestStore.RunnerOf(server.Gateway.Uri);
        var runner = new ScriptedRunner(client, name => name == "hello"
            ? BsonDocument.Parse("{ isWritablePrimary: true, msg: 'isdbgrid', maxWireVersion: 21, ok: 1 }")
            : null);
        var settings = new MongoStoreSettings { Database = "lock_tests", Collection = MongoServer.NewCollection(), WriteConcern = "2" };
        Assert.Equal(["weak-write-concern", "server"],
            Codes(await new MongoLockStore(runner, settings, TimeProvider.System).DiagnoseAsync()));
    }

    [Theory]
    [InlineData("mongodb://db1/", "unencrypted-network open-network")]
    [InlineData("mongodb://app:s3cret@db1/", "unencrypted-network")]
    [InlineData("mongodb://app:s3cret@db1/?tls=true", "")]
    [InlineData("mongodb://app:s3cret@db1/?tlsInsecure=true", "unverified-server")]
    [InlineData("mongodb://127.0.0.1/", "")]
    [InlineData("mongodb://[::1],localhost/", "")]
    public void Connections_to_other_machines_are_looked_at(string uri, string codes)
    {
        var diagnosis = new MongoDiagnosis(new MongoStoreSettings { Target = TestStore.Plan(uri).Target });
        diagnosis.AddConnection();
        Assert.Equal(codes, string.Join(' ', Codes(diagnosis.Findings)));
        Assert.DoesNotContain(diagnosis.Findings, finding => finding.Text.Contains("s3cret", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Missing_rights_and_a_server_that_is_gone_are_store_failures_or_left_out()
    {
        MongoGateway gateway = server.StartGateway(new GatewayOptions(Authentication: true, ReplicaSet: "rs0"));
        await using TestStore store = Store(gateway.Uri);
        // Without rights the greeting is answered, the questions about the collection are not.
        Assert.Equal(["server"], Codes(await store.Store.DiagnoseAsync()));
        MongoLockStore impatient = await store.ImpatientAsync();
        await gateway.DisposeAsync();
        Assert.True((await Assert.ThrowsAsync<LockStoreException>(async () => await impatient.DiagnoseAsync())).IsTransient);
    }

    private static TestStore Store(string uri, Func<MongoStoreSettings, MongoStoreSettings>? change = null) => new(uri, change: change);

    private static List<string> Codes(IReadOnlyList<StoreFinding> findings) => [.. findings.Select(finding => finding.Code)];

    private static StoreFinding One(IReadOnlyList<StoreFinding> findings, string code) =>
        Assert.Single(findings, finding => finding.Code == code);
}
