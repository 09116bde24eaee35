using Locking.Testing;

namespace Locking;

/// <summary>Configurations of the backend.</summary>
public sealed class ProviderTests(EtcdFixture etcd) : IClassFixture<EtcdFixture>
{
    private string Port => etcd.Server.Port.ToString(System.Globalization.CultureInfo.InvariantCulture);

    [Fact]
    public async Task A_configuration_alone_makes_locks()
    {
        string key = Guid.NewGuid().ToString();
        await using ILock first = Lock.Create($$"""{"type":"etcd","connection":{"port":{{Port}}},"namespace":"a"}""");
        await using ILock second = Lock.Create(
            $$"""{"type":"ETCD","connection":{"endpoints":[{"host":"localhost","port":{{Port}}},{"port":1}],"noDelay":true},"lockOptions":{"fair":true} }""");
        await using ILock other =
            Lock.Create($$"""{"type":"etcd","connection":{"port":{{Port}}},"lockOptions":{"keyPrefix":"other/locks/"} }""");
        await using ILock built = Lock.Create(locks => locks.UseEtcd(settings => settings.Port = etcd.Server.Port));
        await using ILockHandle handle = await first.LockNsAsync(key);
        Assert.Null(await second.TryLockAsync($"a:{key}"));
        Assert.Null(await built.TryLockAsync($"a:{key}"));
        await using ILockHandle? elsewhere = await other.TryLockAsync($"a:{key}");
        Assert.NotNull(elsewhere);
        Assert.StartsWith($"other/locks/a:{key}/", await etcd.Server.ControlAsync("get", "--prefix", "--keys-only", "other/locks/a"),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"endpoints":[]}""", "connection.endpoints")]
    [InlineData("""{"endpoints":[{"port":1}],"host":"a"}""", "says where the server is more than once")]
    [InlineData("""{"endpoints":[{"host":"http://a"}]}""", "connection.endpoints[0].host")]
    [InlineData("""{"endpoints":[{"tls":true}]}""", "connection.endpoints[0].tls")]
    [InlineData("""{"password":"sesame"}""", "connection.username")]
    [InlineData("""{"username":"a"}""", "connection.password")]
    [InlineData("""{"tls":true,"certFile":"a"}""", "connection.keyFile")]
    [InlineData("""{"caFile":"a"}""", "connection.tls")]
    [InlineData("""{"tls":true,"caFile":"/no/such/sesame"}""", "connection.tls")]
    [InlineData("""{"url":"http://a:2379"}""", "Say host and port for each of the endpoints.")]
    [InlineData("""{"lockTimeout":1}""", "lockTimeout")]
    public void What_does_not_suit_is_an_error_that_names_it(string connection, string what)
    {
        LockConfigException fault =
            Assert.Throws<LockConfigException>(() => Lock.Create($$"""{"type":"etcd","connection":{{connection}} }"""));
        Assert.Contains(what, fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("\"sesame", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_empty_prefix_is_refused() => Assert.Contains(
        "lockOptions.keyPrefix",
        Assert.Throws<LockConfigException>(() => Lock.Create("""{"type":"etcd","lockOptions":{"keyPrefix":""} }""")).Message,
        StringComparison.Ordinal);

    [Fact]
    public async Task The_doctor_tells_what_is_unsafe()
    {
        await using EtcdServer second = await EtcdServer.StartAsync();
        string port = second.Port.ToString(System.Globalization.CultureInfo.InvariantCulture);
        string endpoints = $$"""[{"port":{{Port}}},{"port":{{port}}},{"host":"lock.invalid"},{"port":1}]""";
        await using ILock locks = Lock.Create($$"""{"type":"etcd","connection":{"endpoints":{{endpoints}}} }""");
        IReadOnlyList<StoreFinding> findings = await ((IStoreDiagnostics)locks).DiagnoseAsync();
        Assert.Equal(
            ["single-member", "unencrypted-network", "open-network", "member-not-reachable", "member-not-reachable", "several-clusters",
                "server", "server"],
            findings.Select(static finding => finding.Code));
        Assert.Equal(6, findings.Count(static finding => finding.IsWarning));
        Assert.Contains("etcd 3.", findings[^1].Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_doctor_has_nothing_to_say_against_three_members()
    {
        await using EtcdCluster cluster = await EtcdCluster.StartAsync();
        await using ILockStore store = EtcdFixture.StoreAt(cluster.Urls);
        IReadOnlyList<StoreFinding> findings = await ((IStoreDiagnostics)store).DiagnoseAsync(default);
        Assert.Equal(["server", "server", "server"], findings.Select(static finding => finding.Code));
        Assert.Single(findings, static finding => finding.Text.Contains("the leader", StringComparison.Ordinal));
    }
}
