namespace Locking.Tests.Configuration;

public sealed class JsonReadingTests
{
    [Fact]
    public void The_first_form_of_the_documentation_works_as_it_stands()
    {
        var config = LockConfig.Parse(
            """{"type":"redis","connection":{"host":"127.0.0.1","port":6379},"lockOptions":{"driftFactor":0.01,"retryCount":0,"retryDelay":200,"retryJitter":100}}""");

        Assert.Equal("redis", config.Type);
        Assert.Equal("127.0.0.1", config.Connection!["host"]);
        Assert.Equal(6379, config.Connection["port"]);
        Assert.Equal(0.01, config.LockOptions!.DriftFactor);
        Assert.Equal(0, config.LockOptions.RetryCount);
        Assert.Equal(TimeSpan.FromMilliseconds(200), config.LockOptions.RetryDelay);
        Assert.Equal(TimeSpan.FromMilliseconds(100), config.LockOptions.RetryJitter);
        Assert.Null(config.LockOptions.Ttl);
        Assert.Null(config.Namespace);
    }

    [Theory]
    [InlineData("redis", "redis")]
    [InlineData("REDLOCK", "redLock")]
    [InlineData("InMemory", "inMemory")]
    [InlineData("somebodyElses", "somebodyElses")]
    public void A_type_is_known_in_any_case(string written, string type) =>
        Assert.Equal(type, LockConfig.Parse($$$"""{"type":"{{{written}}}"}""").Type);

    [Fact]
    public void Names_are_known_in_any_case_with_comments_and_trailing_commas()
    {
        var config = LockConfig.Parse(
            """
            // which backend
            {
              "TYPE": "Broker", /* ours */
              "Connection": { "HOST": "h", "UdsPath": null, },
              "lockoptions": { "TTL": 5000, "AUTORENEW": false, },
            }
            """);

        Assert.Equal("broker", config.Type);
        Assert.Equal("h", config.Connection!["host"]);
        Assert.Equal(TimeSpan.FromSeconds(5), config.LockOptions!.Ttl);
        Assert.False(config.LockOptions.AutoRenew);
    }

    [Fact]
    public void Every_lock_option_arrives()
    {
        var config = LockConfig.Parse(
            """
            {"lockOptions": {
              "ttl": 40000, "autoRenew": true, "renewInterval": 5000, "maxHold": 60000, "waitTimeout": 7000, "retryCount": 4, "retryDelay": 1,
              "retryJitter": 2, "wait": "Notify", "pollInterval": 3, "fair": true, "driftFactor": 0.02, "lostMargin": 9, "nodeTimeout": 4, "quorum": 2,
              "fenceRetention": 5, "replicas": 1, "replicaTimeout": 6, "owner": "me", "keepOnDisconnect": true, "releaseTimeout": 8,
              "format": "Dist-Lock", "keyPrefix": ""
            }}
            """);
        LockOptions options = config.LockOptions!;

        Assert.Equal(
            new LockOptions
            {
                Ttl = Ms(40000),
                AutoRenew = true,
                RenewInterval = Ms(5000),
                MaxHold = Ms(60000),
                WaitTimeout = Ms(7000),
                RetryCount = 4,
                RetryDelay = Ms(1),
                RetryJitter = Ms(2),
                Wait = WaitMode.Notify,
                PollInterval = Ms(3),
                DriftFactor = 0.02,
                LostMargin = Ms(9),
                Owner = "me",
                KeepOnDisconnect = true,
                ReleaseTimeout = Ms(8),
            },
            options);
        Assert.Equal(
            new LockSettings
            {
                ["fair"] = true, ["nodeTimeout"] = Ms(4), ["quorum"] = 2, ["fenceRetention"] = Ms(5), ["replicas"] = 1,
                ["replicaTimeout"] = Ms(6),
                ["format"] = "dist-lock", ["keyPrefix"] = "",
            },
            config.StoreOptions);
        Assert.DoesNotContain(OptionSettings.All, setting => setting.Get(options) is null);
    }

    [Fact]
    public void Every_connection_setting_arrives()
    {
        LockSettings connection = LockConfig.Parse(
            """
            {"connection": {
              "host": "h", "port": 1, "path": "/p", "url": "redis://u", "username": "n", "password": "w", "tls": true, "db": 2,
              "connectTimeout": 3, "commandTimeout": "4s", "noDelay": false, "endpoints": [{"host": "a"}, {"host": "b", "port": 7}],
              "name": "t", "isolated": true, "database": "d", "collection": "c", "writeConcern": 3, "launch": true, "secret": "s",
              "table": "l", "createTable": false,
              "caFile": "/ca", "certFile": "/cert", "keyFile": "/key"
            }}
            """).Connection!;

        IReadOnlyList<LockSettings> endpoints = Assert.IsAssignableFrom<IReadOnlyList<LockSettings>>(connection["endpoints"]);
        Assert.Equal([new LockSettings { ["host"] = "a" }, new LockSettings { ["host"] = "b", ["port"] = 7 }], endpoints);
        Assert.Equal(
            new LockSettings
            {
                ["name"] = "t",
                ["table"] = "l",
                ["createTable"] = false,
                ["isolated"] = true,
                ["host"] = "h",
                ["port"] = 1,
                ["path"] = "/p",
                ["url"] = "redis://u",
                ["username"] = "n",
                ["password"] = "w",
                ["tls"] = true,
                ["db"] = 2,
                ["connectTimeout"] = Ms(3),
                ["commandTimeout"] = Ms(4000),
                ["noDelay"] = false,
                ["endpoints"] = endpoints,
                ["database"] = "d",
                ["collection"] = "c",
                ["writeConcern"] = "3",
                ["launch"] = true,
                ["secret"] = "s",
                ["caFile"] = "/ca",
                ["certFile"] = "/cert",
                ["keyFile"] = "/key",
            },
            connection);
        IEnumerable<Setting> known =
            BuiltInProviders.All.SelectMany(provider => provider.Settings.Rows).Where(row => row.Place == SettingPlace.Connection);
        Assert.All(known, row => Assert.NotNull(connection[row.Name]));
    }

    [Theory]
    [InlineData("30000", 30000)]
    [InlineData("3e4", 30000)]
    [InlineData("30000.0", 30000)]
    [InlineData("\"200ms\"", 200)]
    [InlineData("\"30s\"", 30000)]
    [InlineData("\"1.5s\"", 1500)]
    [InlineData("\"5m\"", 300000)]
    [InlineData("\"5min\"", 300000)]
    [InlineData("\" 1 H \"", 3600000)]
    [InlineData("\"2d\"", 172800000)]
    public void A_time_is_a_number_of_milliseconds_or_has_a_unit(string written, long milliseconds) =>
        Assert.Equal(Ms(milliseconds), LockConfig.Parse($$$"""{"lockOptions":{"ttl":{{{written}}}}}""").LockOptions!.Ttl);

    [Theory]
    [InlineData("ttl")]
    [InlineData("timeoutMillis")]
    [InlineData("waitTimeout")]
    [InlineData("timeout")]
    [InlineData("failAfterMillis")]
    public void Null_and_minus_one_are_never_and_for_ever(string name)
    {
        foreach (string value in (string[])["null", "-1"])
        {
            LockOptions options = LockConfig.Parse($$$"""{"lockOptions":{"{{{name}}}":{{{value}}}}}""").LockOptions!;
            Assert.Equal(Timeout.InfiniteTimeSpan, name is "ttl" or "timeoutMillis" ? options.Ttl : options.WaitTimeout);
        }
    }

    [Fact]
    public void Null_is_no_limit_of_the_hold_the_wait_timeout_alone_and_a_majority()
    {
        LockOptions options = LockConfig.Parse("""{"lockOptions":{"maxHold":null,"retryCount":null,"quorum":null,"owner":null}}""").LockOptions!;

        Assert.Equal(new LockOptions { MaxHold = Timeout.InfiniteTimeSpan }, options);
    }

    [Fact]
    public void Null_for_an_object_or_a_text_is_as_if_it_were_not_there() =>
        Assert.Equal(
            new LockConfig { Type = "broker" },
            LockConfig.Parse("""{"type":"broker","connection":null,"lockOptions":null,"namespace":null,"preset":null}"""));

    [Theory]
    [InlineData("true", true)]
    [InlineData("false", false)]
    public void Auto_renew_is_true_or_false(string written, bool value) =>
        Assert.Equal(value, LockConfig.Parse($$$"""{"lockOptions":{"autoRenew":{{{written}}}}}""").LockOptions!.AutoRenew);

    [Theory]
    [InlineData("attemptDelay", "retryDelay", "150")]
    [InlineData("retryTimeMillis", "retryDelay", "150")]
    [InlineData("lockRequestTimeout", "retryDelay", "150")]
    [InlineData("maxRetries", "retryCount", "3")]
    [InlineData("timeout", "waitTimeout", "150")]
    [InlineData("failAfterMillis", "waitTimeout", "150")]
    [InlineData("timeoutMillis", "ttl", "150")]
    [InlineData("keepLocksOnExit", "keepOnDisconnect", "true")]
    public void A_name_from_the_field_means_the_usual_one(string alias, string name, string value)
    {
        var expected = LockConfig.Parse($$$"""{"lockOptions":{"{{{name}}}":{{{value}}}}}""");

        Assert.Equal(expected, LockConfig.Parse($$$"""{"lockOptions":{"{{{alias}}}":{{{value}}}}}"""));
        Assert.Equal(expected, LockConfig.Parse($$$"""{"lockOptions":{"{{{alias}}}":{{{value}}},"{{{name}}}":{{{value}}}}}"""));
    }

    [Theory]
    [InlineData("udsPath", "path")]
    [InlineData("connectionString", "url")]
    public void A_connection_has_names_from_the_field_too(string alias, string name) =>
        Assert.Equal(
            LockConfig.Parse($$$"""{"connection":{"{{{name}}}":"/x"}}"""),
            LockConfig.Parse($$$"""{"connection":{"{{{alias}}}":"/x","{{{name}}}":"/x"}}"""));

    [Theory]
    [InlineData("0", 0)]
    [InlineData("7", 7)]
    [InlineData("-1", -1)]
    [InlineData("-9", -1)]
    public void Retry_and_delay_at_the_top_are_attempts_without_jitter(string retry, int count)
    {
        var config = LockConfig.Parse($$$"""{"type":"inMemory","retry":{{{retry}}},"delay":100}""");

        Assert.Equal(new LockOptions { RetryCount = count, RetryDelay = Ms(100), RetryJitter = TimeSpan.Zero }, config.LockOptions);
    }

    [Fact]
    public void Jitter_that_is_set_beside_retry_stays() =>
        Assert.Equal(Ms(9), LockConfig.Parse("""{"retry":1,"lockOptions":{"retryJitter":9}}""").LockOptions!.RetryJitter);

    [Theory]
    [InlineData("""{"lockConfig":{"type":"inMemory","namespace":"inner"}}""", "inner")]
    [InlineData("""{"namespace":"outer","lockConfig":{"type":"inMemory","namespace":"inner"}}""", "outer")]
    [InlineData("""{"lockConfig":{"type":"inMemory"},"NAMESPACE":"outer"}""", "outer")]
    [InlineData("""{"type":"inMemory","namespace":"plain"}""", "plain")]
    [InlineData("""{"type":"inMemory","namespace":""}""", null)]
    public void The_outer_namespace_wins_over_the_inner(string json, string? ns)
    {
        var config = LockConfig.Parse(json);

        Assert.Equal(ns, config.Namespace);
        Assert.Equal("inMemory", config.Type);
    }

    [Fact]
    public void The_wrapper_holds_all_that_stands_at_the_top()
    {
        var config = LockConfig.Parse(
            """{"namespace":"test","lockConfig":{"type":"redis","retry":0,"delay":100,"connection":{"host":"h"},"lockOptions":{"ttl":"1s"}}}""");

        Assert.Equal("h", config.Connection!["host"]);
        Assert.Equal(
            new LockOptions { RetryCount = 0, RetryDelay = Ms(100), RetryJitter = TimeSpan.Zero, Ttl = Ms(1000) },
            config.LockOptions);
    }

    private static TimeSpan Ms(long milliseconds) => TimeSpan.FromMilliseconds(milliseconds);
}
