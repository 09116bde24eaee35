using MongoDB.Driver;

namespace Locking;

/// <summary>What a URI becomes, and what is said of one that is wrong. The password is never shown.</summary>
public sealed class MongoUriTests
{
    [Fact]
    public async Task A_uri_says_where_and_how()
    {
        MongoClientPlan plan = Plan("mongodb://app:s3%3Acret@db1,db2:27018/locks?replicaSet=rs0&w=2&maxPoolSize=7&connectTimeoutMS=11"
            + "&socketTimeoutMS=12&serverSelectionTimeoutMS=13&waitQueueTimeoutMS=14");
        Assert.Equal(["db1:27017", "db2:27018"], plan.Target.Hosts);
        Assert.Equal(("app", "locks", "rs0", 7),
            (plan.Target.Username, plan.Target.AuthSource, plan.Target.ReplicaSet, plan.Target.MaxConnections));
        Assert.Equal((11, 13, 12, 14),
            (Ms(plan.Target.ConnectTimeout), Ms(plan.Target.SelectionTimeout), Ms(plan.Target.CommandTimeout),
            Ms(plan.Target.QueueTimeout!.Value)));
        Assert.Equal(("locks", "2"), (plan.Url.DatabaseName, plan.WriteConcern));
        MongoClientSettings settings = await plan.ResolveAsync(new MongoServers(plan.Target), default);
        Assert.Equal((11, 13), (Ms(settings.ConnectTimeout), Ms(settings.ServerSelectionTimeout)));
        Assert.Equal("app", settings.Credential.Username);
        Assert.DoesNotContain("s3:cret", plan.ToString() + plan.Target, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_host_and_a_port_are_enough_and_limits_are_ours()
    {
        MongoClientPlan plan = MongoConnectionRules.Client(
            new MongoLockSettings { Host = "::1", Port = 27020, Username = "a@b", Password = "p:/w?%", Tls = true,
            ConnectTimeout = TimeSpan.FromSeconds(7) });
        Assert.Equal(["[::1]:27020"], plan.Target.Hosts);
        MongoClientSettings settings = await plan.ResolveAsync(new MongoServers(plan.Target), default);
        Assert.Equal(("a@b", true, TimeSpan.FromSeconds(7)), (settings.Credential.Username, settings.UseTls, settings.ConnectTimeout));
        Assert.Equal(TimeSpan.FromSeconds(9), plan.Target.StepTimeout);
        // Neither the queue nor commands have a limit of the driver's.
        Assert.Equal((TimeSpan.Zero, Timeout.InfiniteTimeSpan), (settings.SocketTimeout, settings.WaitQueueTimeout));
    }

    [Fact]
    public void Zero_is_no_limit()
    {
        MongoTarget target = Plan("mongodb://h/?connectTimeoutMS=0&socketTimeoutMS=0").Target;
        Assert.Equal((Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan),
            (target.ConnectTimeout, target.CommandTimeout, target.StepTimeout));
    }

    [Fact]
    public async Task Two_clients_of_ours_share_no_connections()
    {
        MongoClientPlan plan = Plan("mongodb://127.0.0.1:1/");
        using var one = new MongoClient(await plan.ResolveAsync(new MongoServers(plan.Target), default));
        using var other = new MongoClient(await plan.ResolveAsync(new MongoServers(plan.Target), default));
        Assert.NotSame(one.Cluster, other.Cluster);
        MongoClientSource.Close(one);
        MongoClientSource.Close(other);
    }

    [Theory]
    [InlineData("mongodb://app:s3cret@cluster.example.net", true)]
    [InlineData("mongodb+srv://app:s3cret@cluster.example.net/locks", true)]
    [InlineData("mongodb://app@db1/?authMechanism=MONGODB-X509&tls=true", true)]
    [InlineData("mongodb://app%40corp:s3cret@db1/?authMechanism=PLAIN&authSource=$external", true)]
    [InlineData("mongodb://db1/?loadBalanced=true", true)]
    [InlineData("mongodb://db1/?readPreference=secondary&retryWrites=false&compressors=zlib&uuidRepresentation=standard", true)]
    [InlineData("mongodb://db1/?tlsInsecure=true", true)]
    public void What_the_driver_takes_is_taken(string uri, bool isTaken) => Assert.Equal(isTaken, Plan(uri) is not null);

    [Theory]
    [InlineData("http://db1/", "mongodb://")]
    [InlineData("mongodb://", "The form is mongodb://")]
    [InlineData("mongodb://u:s3cret@/", "The form is")]
    [InlineData("mongodb://u:s3/cret@db1/", "percent-encoded")]
    [InlineData("mongodb://u:s3@cret@db1/", "percent-encoded")]
    [InlineData("mongodb://u:s3%cret@db1/", "percent-encoded")]
    [InlineData("mongodb://u:s3cret@db1:port/", "The form is")]
    [InlineData("mongodb://u:s3cret@%2Frun%2Fmongodb.sock/", "Unix socket")]
    [InlineData("mongodb://u:s3cret@db1/?repliacSet=x", "did you mean 'replicaSet'")]
    [InlineData("mongodb://u:s3cret@db1/?colour=red", "'colour'")]
    [InlineData("mongodb://u:s3cret@db1/?tls", "no value")]
    [InlineData("mongodb://u:s3cret@db1/?tls=true&tls=false", "given twice")]
    [InlineData("mongodb://u:s3cret@db1/?tls=false&tlsInsecure=true", "nothing while TLS is off")]
    [InlineData("mongodb://u:s3cret@db1/?tls=maybe", "tls")]
    [InlineData("mongodb://u:s3cret@db1/?maxPoolSize=many", "maxPoolSize")]
    [InlineData("mongodb://u:s3cret@db1/?tlsCAFile=%2Fno%2Fsuch%2Ffile", "'/no/such/file'")]
    [InlineData("mongodb://u:s3cret@db1/?tlsCertificateKeyFile=%2Fno%2Fsuch%2Ffile&tlsCertificateKeyFilePassword=s3cret2",
        "'/no/such/file'")]
    [InlineData("mongodb://u:s3cret@db1/?tlsAllowInvalidHostnames=perhaps", "true or false")]
    [InlineData("mongodb://u:s3cret@db1,db2/?directConnection=true", "irect")]
    [InlineData("mongodb+srv://u:s3cret@cluster.example.net:27017/", "port")]
    [InlineData("mongodb://u:s3cret@db1/?authMechanism=MAGIC", "MAGIC")]
    [InlineData("mongodb://db1/?authMechanism=SCRAM-SHA-256", "nothing without a user")]
    [InlineData("mongodb://u:s3cret@db1/?proxyPassword=s3cret2&proxyHost=p", "proxy")]
    public void What_is_wrong_is_named_without_the_password(string uri, string said)
    {
        LockConfigException exception = Assert.Throws<LockConfigException>(() => Plan(uri));
        Assert.Equal("connection.url", exception.Path);
        Assert.Contains(said, exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("s3", exception.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("cret", exception.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("db1:27018", "\"host\": \"db1\", \"port\": 27018")]
    [InlineData("mongodb://u:s3cret@db1", "connection.url")]
    [InlineData("db1,db2", "connection.url")]
    [InlineData("db 1", "'db 1'")]
    public void A_host_that_is_more_than_a_host_says_where_the_rest_goes(string host, string said)
    {
        LockConfigException exception =
            Assert.Throws<LockConfigException>(() => MongoConnectionRules.Client(new MongoLockSettings { Host = host }));
        Assert.Equal("connection.host", exception.Path);
        Assert.Contains(said, exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", exception.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Records_that_DNS_does_not_have_are_named_when_a_lock_is_wanted()
    {
        MongoClientPlan plan = Plan("mongodb+srv://app:s3cret@no-such-cluster.example.invalid/");
        using var runner = new DriverCommandRunner(new MongoClientSource(plan), TimeProvider.System);
        LockStoreException exception =
            await Assert.ThrowsAsync<LockStoreException>(async () => await runner.RunAsync("admin", new("ping", 1), default));
        Assert.False(exception.MayHaveBeenApplied);
        Assert.Contains("DNS does not say where the servers of no-such-cluster.example.invalid are", exception.Message,
            StringComparison.Ordinal);
        Assert.Contains("record", exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", exception.ToString(), StringComparison.Ordinal);
    }

    private static MongoClientPlan Plan(string uri) => MongoConnectionRules.Client(new MongoLockSettings { Url = uri });

    private static int Ms(TimeSpan span) => (int)span.TotalMilliseconds;
}
