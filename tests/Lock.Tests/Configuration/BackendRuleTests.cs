using Microsoft.Extensions.Logging;

namespace Locking.Tests.Configuration;

/// <summary>Settings and the backends that have them: see docs/decisions/0003.</summary>
public sealed class BackendRuleTests
{
    [Theory]
    [InlineData("inMemory", "")]
    [InlineData("broker", "\"connection\":{\"host\":\"h\",\"port\":1}")]
    [InlineData("redis", "\"connection\":{\"url\":\"redis://h\"}")]
    [InlineData("redLock", "\"connection\":{\"endpoints\":[{\"host\":\"a\"},{\"host\":\"b\"},{\"host\":\"c\"}]}")]
    [InlineData("mongo", "\"connection\":{\"url\":\"mongodb://h\",\"collection\":\"c\"}")]
    [InlineData("postgres", "\"connection\":{\"url\":\"postgres://h/d\",\"table\":\"t\"}")]
    [InlineData("etcd", "\"connection\":{\"endpoints\":[{\"host\":\"a\"},{\"host\":\"b\"},{\"host\":\"c\"}]}")]
    public async Task A_configuration_moves_by_its_type_and_connection_alone(string type, string connection)
    {
        const string Rest =
            """
            "namespace": "app",
            "lockOptions": {
              "ttl": 20000, "autoRenew": true, "renewInterval": 5000, "maxHold": 60000, "waitTimeout": 5000, "retryCount": 3, "retryDelay": 10,
              "retryJitter": 5, "wait": "notify", "pollInterval": 1000, "fair": false, "driftFactor": 0.02, "nodeTimeout": 60, "quorum": 2,
              "fenceRetention": 1000, "replicas": 0, "replicaTimeout": 100, "owner": "me", "keepOnDisconnect": true, "releaseTimeout": 900,
              "format": "native"
            }
            """;
        string json = $$"""{"type":"{{type}}",{{connection}}{{(connection.Length > 0 ? "," : "")}}{{Rest}}}""";

        LockConfig config = await CapturingProvider.ResolveAsync(json);

        Assert.Equal(type, config.Type);
        Assert.Equal(LockConfig.Parse(json).LockOptions, config.LockOptions);
        Assert.NotNull(config.Connection);
    }

    [Fact]
    public void What_is_ignored_is_named_in_the_log()
    {
        var logs = new RecordingLogs();
        _ = Lock.Create(
            """{"type":"broker","lockOptions":{"nodeTimeout":100,"fair":true,"replicas":0,"ttl":1000}}""",
            context: new LockProviderContext(TimeProvider.System, logs),
            providers: [new CapturingProvider("broker")]);

        Assert.Contains(
            "Settings that the lock backend broker has no use for are ignored: lockOptions.nodeTimeout, lockOptions.fair, "
                + "lockOptions.replicas",
            logs.At(LogLevel.Information));
    }

    [Theory]
    [InlineData("mongo", "\"fair\":true", "lockOptions.fair", "redis has")]
    [InlineData("redLock", "\"fair\":true", "lockOptions.fair", "redis has")]
    [InlineData("mongo", "\"replicas\":1", "lockOptions.replicas", "redis has")]
    [InlineData("inMemory", "\"replicas\":1", "lockOptions.replicas", "redis has")]
    [InlineData("broker", "\"format\":\"dist-lock\"", "lockOptions.format", "redis or redLock has")]
    [InlineData("redLock", "\"format\":\"dist-lock\"", "lockOptions.format", "\"redlock.net\"")]
    [InlineData("broker", "\"keyPrefix\":\"p\"", "lockOptions.keyPrefix", "Use namespace")]
    public void What_a_backend_cannot_give_is_an_error_that_says_who_can(string type, string option, string path, string part)
    {
        LockConfigException problem = Refused($$$"""{"type":"{{{type}}}",{{{Endpoints(type)}}}"lockOptions":{{{{option}}}}}""");

        Assert.Equal(path, problem.Path);
        Assert.Contains(part, problem.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("broker", "\"url\":\"tcp://h\"", "connection.url", "redis or mongo or postgres has. Use host and port, or path.")]
    [InlineData("broker", "\"password\":\"hunter2\"", "connection.password", "see secret")]
    [InlineData("broker", "\"db\":1", "connection.db", "redis or redLock has.")]
    [InlineData("redis", "\"launch\":true", "connection.launch", "redis does not have this; broker has.")]
    [InlineData("redis", "\"secret\":\"hunter2\"", "connection.secret", "broker has.")]
    [InlineData("redis", "\"collection\":\"c\"", "connection.collection", "mongo has.")]
    [InlineData("redis", "\"endpoints\":[{}]", "connection.endpoints", "redLock or etcd has.")]
    [InlineData("mongo", "\"db\":1", "connection.db", "see database")]
    [InlineData("mongo", "\"path\":\"/s\"", "connection.path", "broker or redis or postgres has.")]
    [InlineData("redLock", "\"endpoints\":[{\"host\":\"a\"}],\"host\":\"h\"", "connection.host", "Say it for each of the endpoints.")]
    [InlineData("redLock", "\"endpoints\":[{\"host\":\"a\",\"launch\":true}]", "connection.endpoints[0].launch",
        "Allowed here: host, port")]
    [InlineData("redLock", "\"host\":\"h\"", "connection.host", "Say it for each of the endpoints.")]
    [InlineData("redLock", "\"tls\":true", "connection.endpoints", "is needed by redLock")]
    [InlineData("redis", "\"host\":\"h\",\"url\":\"redis://:hunter2@h\"", "connection", "by host and port, by url")]
    [InlineData("broker", "\"port\":1,\"path\":\"/s\"", "connection", "by host and port, by path")]
    [InlineData("redLock", "\"endpoints\":[{\"host\":\"a\",\"url\":\"redis://h\"}]", "connection.endpoints[0]", "more than once")]
    public void A_connection_that_is_not_the_backends_is_an_error(string type, string connection, string path, string part)
    {
        LockConfigException problem = Refused($$$"""{"type":"{{{type}}}","connection":{{{{connection}}}}}""");

        Assert.Equal(path, problem.Path);
        Assert.Contains(part, problem.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", problem.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task In_memory_ignores_a_connection_when_it_is_asked_for()
    {
        LockConfig config = await CapturingProvider.ResolveAsync("""{"type":"inMemory","connection":{"host":"h","password":"p"}}""");

        Assert.Equal(new LockSettings(), config.Connection);
    }

    [Fact]
    public void A_connection_without_a_type_is_an_error_and_not_in_memory()
    {
        LockConfigException problem = Refused("""{"connection":{"host":"h"}}""");

        Assert.Equal("type", problem.Path);
        Assert.Contains("No backend is chosen", problem.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("redis", "127.0.0.1:6379", "has a port in it", "{\"host\": \"127.0.0.1\", \"port\": 6379}")]
    [InlineData("broker", "locks.example:6970", "has a port in it", "\"port\": 6970}")]
    [InlineData("mongo", "[::1]:27017", "has a port in it", "{\"host\": \"[::1]\", \"port\": 27017}")]
    [InlineData("redis", "redis://127.0.0.1", "is a whole address", "an address with a scheme is a url")]
    [InlineData("redis", "one,two", "is not a host", "one only")]
    [InlineData("redis", "one two", "is not a host", "a host name or an address")]
    [InlineData("redis", "host:port", "is not a host", "a host name or an address")]
    public void A_host_is_a_host_and_nothing_else(string type, string host, string problem, string allowed)
    {
        LockConfigException refused = Refused($$$"""{"type":"{{{type}}}","connection":{"host":"{{{host}}}"}}""");

        Assert.Equal("connection.host", refused.Path);
        Assert.Contains($"\"{host}\" {problem}", refused.Message, StringComparison.Ordinal);
        Assert.Contains(allowed, refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    [InlineData("[::1]")]
    [InlineData("fe80::1%eth0")]
    [InlineData("redis_1.internal")]
    public async Task A_host_may_be_a_name_or_an_address(string host) =>
        Assert.Equal(host,
            (await CapturingProvider.ResolveAsync($$$"""{"type":"redis","connection":{"host":"{{{host}}}"}}""")).Connection!["host"]);

    [Fact]
    public void A_host_with_a_password_is_not_shown_and_one_of_an_endpoint_is_named()
    {
        LockConfigException refused = Refused("""{"type":"redLock","connection":{"endpoints":[{"host":"a"},{"host":"me:hunter2@b"}]}}""");

        Assert.Equal("connection.endpoints[1].host", refused.Path);
        Assert.DoesNotContain("hunter2", refused.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_database_of_redis_has_a_number() =>
        Assert.Contains("see db", Refused("""{"type":"redis","connection":{"database":"1"}}""").Message, StringComparison.Ordinal);

    [Fact]
    public void A_quorum_refuses_locks_without_expiry()
    {
        LockConfigException problem = Refused($$$"""{"type":"redLock",{{{Endpoints("redLock")}}}"lockOptions":{"ttl":null}}""");

        Assert.Equal("lockOptions.ttl", problem.Path);
        Assert.Contains("must be a time for redLock", problem.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, true)]
    [InlineData(3, true)]
    [InlineData(4, false)]
    public async Task A_quorum_is_a_majority_at_least(int quorum, bool allowed)
    {
        string json = $$$"""{"type":"redLock",{{{Endpoints("redLock")}}}"lockOptions":{"quorum":{{{quorum}}}}}""";
        if (allowed)
        {
            Assert.Equal(quorum, (await CapturingProvider.ResolveAsync(json)).StoreOptions!["quorum"]);
            return;
        }

        LockConfigException problem = Refused(json);
        Assert.Equal("lockOptions.quorum", problem.Path);
        Assert.Contains("2 to 3 with 3 endpoints", problem.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"type":"inMemory","lockOptions":{"renewInterval":15001}}""", "15000, half of the ttl of 30000 ms")]
    [InlineData("""{"type":"inMemory","lockOptions":{"ttl":1000,"renewInterval":501}}""", "1 to 500")]
    [InlineData("""{"type":"inMemory","preset":"live-mutex","lockOptions":{"renewInterval":2001}}""", "1 to 2000")]
    public void Renewals_come_at_least_twice_per_ttl(string json, string part)
    {
        LockConfigException problem = Refused(json);

        Assert.Equal("lockOptions.renewInterval", problem.Path);
        Assert.Contains(part, problem.Message, StringComparison.Ordinal);
    }

    /// <summary>Only who reads an endpoint's address knows what it says itself.</summary>
    [Fact]
    public async Task What_is_said_once_for_all_endpoints_stays_where_it_was_said()
    {
        LockConfig config = await CapturingProvider.ResolveAsync(
            """
            {"type":"redLock","connection":{"password":"p","username":"u","tls":true,"commandTimeout":100,
              "endpoints":[{"host":"a"},{"host":"b","password":"own","tls":false},{"url":"redis://x:y@c"},{"url":"d,password=q"}]}}
            """);

        LockSettings connection = config.Connection!;
        Assert.Equal(("u", "p", true, TimeSpan.FromMilliseconds(100)),
            (connection["username"], connection["password"], connection["tls"], connection["commandTimeout"]));
        Assert.Equal(
            [
                new() { ["host"] = "a" }, new() { ["host"] = "b", ["password"] = "own", ["tls"] = false },
                new() { ["url"] = "redis://x:y@c" },
                new() { ["url"] = "d,password=q" },
            ],
            Assert.IsAssignableFrom<IReadOnlyList<LockSettings>>(connection["endpoints"]));
    }

    private sealed record TheirSettings
    {
        public string? Shelf { get; set; }

        public int? Copies { get; set; }

        public static SettingsTable<TheirSettings> Table { get; } = new(
        [
            Settings.Text<TheirSettings>("shelf", s => s.Shelf, (s, value) => s with { Shelf = value }, "Where."),
            Settings.WholeNumber<TheirSettings>("copies", s => s.Copies, (s, value) => s with { Copies = value }, "How many.") with
            {
                Place = SettingPlace.LockOptions, Least = 1, Most = 9, Misnomers = ["clones"],
            },
        ]);
    }

    [Fact]
    public async Task A_type_of_somebody_else_reads_its_own_settings()
    {
        var provider = new CapturingProvider("library", TheirSettings.Table);
        await Lock.Create("""{"type":"Library","connection":{"SHELF":"x"},"lockOptions":{"copies":2,"ttl":"1s"}}""", providers: [provider])
            .DisposeAsync();

        Assert.Equal(new TheirSettings { Shelf = "x", Copies = 2 }, TheirSettings.Table.Read(provider.Config!));
        Assert.Equal(TimeSpan.FromSeconds(1), provider.Config!.LockOptions!.Ttl);
    }

    [Theory]
    [InlineData("""{"type":"library","connection":{"shell":"x"}}""", "connection.shell", "Did you mean shelf? Allowed here: shelf.")]
    [InlineData("""{"type":"library","connection":{"copies":2}}""", "connection.copies", "Did you mean lockOptions.copies?")]
    [InlineData("""{"type":"library","lockOptions":{"clones":2}}""", "lockOptions.clones", "Did you mean copies?")]
    [InlineData("""{"type":"library","lockOptions":{"copies":10}}""", "lockOptions.copies", "10 is out of range. Allowed: 1 to 9.")]
    [InlineData("""{"type":"library","connection":{"host":"h"}}""", "connection.host",
        "library does not have this; broker or redis or mongo or postgres or etcd has.")]
    [InlineData("""{"type":"library","lockOptions":{"fair":true}}""", "lockOptions.fair", "library does not have this; redis has.")]
    public void Errors_of_somebody_elses_type_are_made_of_its_table(string json, string path, string says)
    {
        LockConfigException problem = Assert.Throws<LockConfigException>(
            () => Lock.Create(json, providers: [new CapturingProvider("library", TheirSettings.Table)]));

        Assert.Equal(path, problem.Path);
        Assert.Contains(says, problem.Message, StringComparison.Ordinal);
    }

    private static LockConfigException Refused(string json) => Assert.Throws<LockConfigException>(() => Lock.Create(json));

    private static string Endpoints(string type) =>
        type == "redLock" ? """ "connection":{"endpoints":[{"host":"a"},{"host":"b"},{"host":"c"}]}, """ : "";
}
