namespace Locking.Tests.Configuration;

public sealed class ConfigErrorTests
{
    [Theory]
    [InlineData("""{"lockOptions":{"ttl":"soon"}}""", "lockOptions.ttl", "\"soon\"", "null or -1 for a lock that never expires")]
    [InlineData("""{"lockOptions":{"ttl":0}}""", "lockOptions.ttl", "0 is out of range", "1 to 10,000 days")]
    [InlineData("""{"lockOptions":{"ttl":-2}}""", "lockOptions.ttl", "-2 is out of range", "1 to 10,000 days")]
    [InlineData("""{"lockOptions":{"ttl":1.5}}""", "lockOptions.ttl", "1.5", "milliseconds")]
    [InlineData("""{"lockOptions":{"ttl":1e300}}""", "lockOptions.ttl", "1e300 is out of range", "1 to 10,000 days")]
    [InlineData("""{"lockOptions":{"ttl":"20000d"}}""", "lockOptions.ttl", "\"20000d\" is out of range", "1 to 10,000 days")]
    [InlineData("""{"lockOptions":{"ttl":"5 parsecs"}}""", "lockOptions.ttl", "\"5 parsecs\"", "\"30s\"")]
    [InlineData("""{"lockOptions":{"ttl":"30"}}""", "lockOptions.ttl", "\"30\" is a text without a unit", "\"30s\"")]
    [InlineData("""{"connection":{"connectTimeout":"3"}}""", "connection.connectTimeout", "\"3\" is a text without a unit", "\"30s\"")]
    [InlineData("""{"lockOptions":{"ttl":true}}""", "lockOptions.ttl", "true", "milliseconds")]
    [InlineData("""{"lockOptions":{"ttl":{}}}""", "lockOptions.ttl", "an object", "milliseconds")]
    [InlineData("""{"lockOptions":{"ttl":[1]}}""", "lockOptions.ttl", "a list", "milliseconds")]
    [InlineData("""{"lockOptions":{"timeoutMillis":0}}""", "lockOptions.timeoutMillis", "0", "1 to 10,000 days")]
    [InlineData("""{"lockOptions":{"maxHold":-1}}""", "lockOptions.maxHold", "-1", "null for no limit")]
    [InlineData("""{"lockOptions":{"waitTimeout":-5}}""", "lockOptions.waitTimeout", "-5", "null or -1 to wait for ever")]
    [InlineData("""{"lockOptions":{"retryDelay":null}}""", "lockOptions.retryDelay", "null", "0 to 10,000 days")]
    [InlineData("""{"lockOptions":{"retryDelay":-1}}""", "lockOptions.retryDelay", "-1", "0 to 10,000 days")]
    [InlineData("""{"lockOptions":{"retryJitter":-1}}""", "lockOptions.retryJitter", "-1", "0 to 10,000 days")]
    [InlineData("""{"lockOptions":{"retryCount":-2}}""", "lockOptions.retryCount", "-2", "-1 for endless attempts")]
    [InlineData("""{"lockOptions":{"retryCount":"3"}}""", "lockOptions.retryCount", "\"3\"", "0 (one attempt) or more")]
    [InlineData("""{"lockOptions":{"retryCount":2.5}}""", "lockOptions.retryCount", "2.5", "0 (one attempt) or more")]
    [InlineData("""{"lockOptions":{"autoRenew":"true"}}""", "lockOptions.autoRenew", "\"true\"", "true or false")]
    [InlineData("""{"lockOptions":{"autoRenew":"auto"}}""", "lockOptions.autoRenew", "\"auto\"", "true or false")]
    [InlineData("""{"lockOptions":{"autoRenew":null}}""", "lockOptions.autoRenew", "null", "true or false")]
    [InlineData("""{"lockOptions":{"renewInterval":0}}""", "lockOptions.renewInterval", "0", "half the ttl")]
    [InlineData("""{"lockOptions":{"wait":"sleep"}}""", "lockOptions.wait", "\"sleep\"", "\"auto\", \"notify\" or \"poll\"")]
    [InlineData("""{"lockOptions":{"pollInterval":0}}""", "lockOptions.pollInterval", "0", "1 to 10,000 days")]
    [InlineData("""{"lockOptions":{"fair":1}}""", "lockOptions.fair", "1", "true or false")]
    [InlineData("""{"lockOptions":{"driftFactor":0.6}}""", "lockOptions.driftFactor", "0.6", "0 to 0.5")]
    [InlineData("""{"lockOptions":{"driftFactor":"x"}}""", "lockOptions.driftFactor", "\"x\"", "0 to 0.5")]
    [InlineData("""{"lockOptions":{"nodeTimeout":0}}""", "lockOptions.nodeTimeout", "0", "1 to 10,000 days")]
    [InlineData("""{"lockOptions":{"quorum":0}}""", "lockOptions.quorum", "0", "a majority")]
    [InlineData("""{"lockOptions":{"fenceRetention":-1}}""", "lockOptions.fenceRetention", "-1", "0 to 10,000 days")]
    [InlineData("""{"lockOptions":{"replicas":-1}}""", "lockOptions.replicas", "-1", "0 or more")]
    [InlineData("""{"lockOptions":{"replicas":99999999999}}""", "lockOptions.replicas", "", "0 or more")]
    [InlineData("""{"lockOptions":{"replicaTimeout":0}}""", "lockOptions.replicaTimeout", "0", "1 to 10,000 days")]
    [InlineData("""{"lockOptions":{"owner":5}}""", "lockOptions.owner", "5", "256 bytes")]
    [InlineData("""{"lockOptions":{"keepLocksOnExit":"no"}}""", "lockOptions.keepLocksOnExit", "\"no\"", "true or false")]
    [InlineData("""{"lockOptions":{"releaseTimeout":0}}""", "lockOptions.releaseTimeout", "0", "1 to 10,000 days")]
    [InlineData("""{"lockOptions":{"format":"redlock"}}""", "lockOptions.format", "\"redlock\"", "\"redlock.net\"")]
    [InlineData("""{"lockOptions":{"keyPrefix":7}}""", "lockOptions.keyPrefix", "7", "a text")]
    [InlineData("""{"lockOptions":7}""", "lockOptions", "", "an object")]
    [InlineData("""{"retry":"x"}""", "retry", "\"x\"", "any negative number")]
    [InlineData("""{"delay":-1}""", "delay", "-1", "0 to 10,000 days")]
    [InlineData("""{"connection":{"port":0}}""", "connection.port", "0", "1 to 65535")]
    [InlineData("""{"connection":{"port":65536}}""", "connection.port", "65536", "1 to 65535")]
    [InlineData("""{"connection":{"port":"6379"}}""", "connection.port", "\"6379\"", "1 to 65535")]
    [InlineData("""{"connection":{"host":""}}""", "connection.host", "\"\"", "a host name or an address")]
    [InlineData("""{"connection":{"db":-1}}""", "connection.db", "-1", "0 or more")]
    [InlineData("""{"connection":{"tls":"yes"}}""", "connection.tls", "\"yes\"", "true or false")]
    [InlineData("""{"connection":{"connectTimeout":0}}""", "connection.connectTimeout", "0", "1 to 10,000 days")]
    [InlineData("""{"connection":{"endpoints":[]}}""", "connection.endpoints", "an empty list", "a list of at least one connection")]
    [InlineData("""{"connection":{"endpoints":"a,b"}}""", "connection.endpoints", "", "a list")]
    [InlineData("""{"connection":{"endpoints":[{"host":"a"},{"port":-1}]}}""", "connection.endpoints[1].port", "-1", "1 to 65535")]
    [InlineData("""{"connection":{"endpoints":[{"endpoints":[{}]}]}}""", "connection.endpoints[0].endpoints", "",
        "There is no such setting")]
    [InlineData("""{"connection":[]}""", "connection", "an empty list", "an object")]
    [InlineData("""{"type":5}""", "type", "5", "inMemory, broker, redis, redLock, mongo")]
    [InlineData("""{"namespace":["a"]}""", "namespace", "a list", "a text")]
    [InlineData("""{"preset":"kuzle"}""", "preset", "\"kuzle\"", "kuzzle, leverege, live-mutex, simple-redis-mutex, dist-lock")]
    [InlineData("""{"lockConfig":{"lockOptions":{"ttl":0}}}""", "lockConfig.lockOptions.ttl", "0", "1 to 10,000 days")]
    [InlineData("""{"lockConfig":5}""", "lockConfig", "", "an object")]
    [InlineData("[]", "", "an empty list", "a configuration is an object")]
    [InlineData("5", "", "", "a configuration is an object")]
    public void A_bad_value_names_its_path_the_value_and_what_is_allowed(string json, string path, string value, string allowed)
    {
        LockConfigException problem = Assert.Throws<LockConfigException>(() => LockConfig.Parse(json));

        Assert.Equal(path, problem.Path);
        Assert.StartsWith(path, problem.Message, StringComparison.Ordinal);
        Assert.Contains(value, problem.Message, StringComparison.Ordinal);
        Assert.Contains(allowed, problem.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"type":"redis" """, 15)]
    [InlineData("""{"type":"redis""", 14)]
    [InlineData("""{"type":""", 8)]
    [InlineData("""{"type":"redis","connection":{"endpoints":[""", 43)]
    [InlineData("""{"type":"inMemory" /* and""", 25)]
    [InlineData("{\"namespace\":\"é\",\n\"type\":nul", 28)]
    public void Json_that_was_cut_off_is_said_to_end_early_whatever_it_was_about(string json, int position)
    {
        LockConfigException problem = Assert.Throws<LockConfigException>(() => LockConfig.Parse(json));

        Assert.Equal("", problem.Path);
        Assert.StartsWith($"The JSON ended early, at position {position} (line ", problem.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"type":"redis"]""", "type")]
    [InlineData("""{"type":redis""", "type")]
    [InlineData("""{"type":"redis"} tail""", "")]
    public void Json_that_is_wrong_before_its_end_is_said_to_be_wrong_there(string json, string path)
    {
        LockConfigException problem = Assert.Throws<LockConfigException>(() => LockConfig.Parse(json));

        Assert.Equal(path, problem.Path);
        Assert.Contains("The text is not JSON: line 1, byte ", problem.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"typ":"redis"}""", "typ", "Did you mean type?")]
    [InlineData("""{"lockoption":{}}""", "lockoption", "Did you mean lockOptions?")]
    [InlineData("""{"lockOptions":{"retryDealy":1}}""", "lockOptions.retryDealy", "Did you mean retryDelay?")]
    [InlineData("""{"lockOptions":{"renewInteval":1}}""", "lockOptions.renewInteval", "Did you mean renewInterval?")]
    [InlineData("""{"connection":{"hots":"x"}}""", "connection.hots", "Did you mean host?")]
    [InlineData("""{"connection":{"ttl":1}}""", "connection.ttl", "Did you mean lockOptions.ttl?")]
    [InlineData("""{"lockOptions":{"host":"x"}}""", "lockOptions.host", "Did you mean connection.host?")]
    [InlineData("""{"lockOptions":{"udsPath":"x"}}""", "lockOptions.udsPath", "Did you mean connection.udsPath?")]
    [InlineData("""{"lockOptions":{"retry":1}}""", "lockOptions.retry", "Did you mean retryCount?")]
    [InlineData("""{"lockOptions":{"delay":1}}""", "lockOptions.delay", "Did you mean retryDelay?")]
    [InlineData("""{"connection":{"hostname":"x"}}""", "connection.hostname", "Did you mean host?")]
    [InlineData("""{"connection":{"pass":"x"}}""", "connection.pass", "Did you mean password?")]
    [InlineData("""{"connection":{"user":"x"}}""", "connection.user", "Did you mean username?")]
    [InlineData("""{"connection":{"SSL":true}}""", "connection.SSL", "Did you mean tls?")]
    [InlineData("""{"connection":{"expiry":1}}""", "connection.expiry", "Did you mean lockOptions.ttl?")]
    [InlineData("""{"connection":{"endpoints":[{"hostname":"x"}]}}""", "connection.endpoints[0].hostname", "Did you mean host?")]
    [InlineData("""{"lockOptions":{"expiry":1}}""", "lockOptions.expiry", "Did you mean ttl?")]
    [InlineData("""{"lockOptions":{"acquireTimeout":1}}""", "lockOptions.acquireTimeout", "Did you mean waitTimeout?")]
    [InlineData("""{"lockOptions":{"hostname":"x"}}""", "lockOptions.hostname", "Did you mean connection.host?")]
    [InlineData("""{"lockConfig":{"hostname":"x"}}""", "lockConfig.hostname", "Did you mean lockConfig.connection.host?")]
    [InlineData("""{"backend":"redis"}""", "backend", "Did you mean type?")]
    [InlineData("""{"ttl":1}""", "ttl", "Did you mean lockOptions.ttl?")]
    [InlineData("""{"port":1}""", "port", "Did you mean connection.port?")]
    [InlineData("""{"lockConfig":{"timeout":1}}""", "lockConfig.timeout", "Did you mean lockConfig.lockOptions.timeout?")]
    [InlineData("""{"lockConfig":{"lockConfig":{}}}""", "lockConfig.lockConfig", "There is no such setting.")]
    [InlineData("""{"connection":{"endpoints":[{"prot":1}]}}""", "connection.endpoints[0].prot", "Did you mean port?")]
    public void An_unknown_name_is_an_error_with_a_suggestion(string json, string path, string suggestion)
    {
        LockConfigException problem = Assert.Throws<LockConfigException>(() => LockConfig.Parse(json));

        Assert.Equal(path, problem.Path);
        Assert.Contains(suggestion, problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_like_no_other_gets_the_list_without_a_suggestion()
    {
        LockConfigException problem = Assert.Throws<LockConfigException>(() => LockConfig.Parse("""{"lockOptions":{"banana":1}}"""));

        Assert.DoesNotContain("Did you mean", problem.Message, StringComparison.Ordinal);
        Assert.Contains("ttl, timeoutMillis, autoRenew", problem.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"retry":1,"lockOptions":{"retryCount":2}}""", "lockOptions.retryCount", "retry")]
    [InlineData("""{"delay":1,"lockOptions":{"attemptDelay":2}}""", "lockOptions.attemptDelay", "delay")]
    [InlineData("""{"lockOptions":{"timeout":1,"waitTimeout":2}}""", "lockOptions.waitTimeout", "lockOptions.timeout")]
    [InlineData("""{"lockOptions":{"timeout":null,"failAfterMillis":2}}""", "lockOptions.failAfterMillis", "lockOptions.timeout")]
    [InlineData("""{"lockOptions":{"retryCount":1,"maxRetries":2}}""", "lockOptions.maxRetries", "lockOptions.retryCount")]
    [InlineData("""{"lockOptions":{"maxRetries":1,"lockRetryMax":2}}""", "lockOptions.lockRetryMax", "lockOptions.maxRetries")]
    [InlineData("""{"lockOptions":{"releaseTimeout":1,"unlockRequestTimeout":2}}""", "lockOptions.unlockRequestTimeout",
        "lockOptions.releaseTimeout")]
    [InlineData("""{"lockOptions":{"ttl":1000,"timeoutMillis":"2s"}}""", "lockOptions.timeoutMillis", "lockOptions.ttl")]
    [InlineData("""{"connection":{"path":"/a","udsPath":"/b"}}""", "connection.udsPath", "connection.path")]
    [InlineData("""{"lockConfig":{"connection":{"url":"a","connectionString":"b"}}}""", "lockConfig.connection.connectionString",
        "lockConfig.connection.url")]
    public void A_setting_said_twice_differently_is_an_error(string json, string path, string other)
    {
        LockConfigException problem = Assert.Throws<LockConfigException>(() => LockConfig.Parse(json));

        Assert.Equal(path, problem.Path);
        Assert.Contains($"says the same as {other}, differently", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_setting_said_twice_alike_is_none() =>
        Assert.Equal(
            TimeSpan.FromSeconds(1),
            LockConfig.Parse("""{"lockOptions":{"ttl":1000,"timeoutMillis":"1s"}}""").LockOptions!.Ttl);

    [Theory]
    [InlineData("""{"type":"redis","type":"redis"}""", "type")]
    [InlineData("""{"lockOptions":{"ttl":1,"TTL":2}}""", "lockOptions.TTL")]
    public void A_name_written_twice_in_one_object_is_an_error(string json, string path)
    {
        LockConfigException problem = Assert.Throws<LockConfigException>(() => LockConfig.Parse(json));

        Assert.Equal(path, problem.Path);
        Assert.Contains("written twice", problem.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"type":"redis","lockConfig":{}}""", "type")]
    [InlineData("""{"lockConfig":{},"lockOptions":{}}""", "lockOptions")]
    public void Beside_the_inner_object_only_the_namespace_can_stand(string json, string path)
    {
        LockConfigException problem = Assert.Throws<LockConfigException>(() => LockConfig.Parse(json));

        Assert.Equal(path, problem.Path);
        Assert.Contains("only namespace can", problem.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"type":redis}""", "type", "line 1, byte ")]
    [InlineData("{\n  \"lockOptions\": {\n    \"ttl\": 1,\n", "", "(line 3), in or behind lockOptions.ttl: ")]
    [InlineData("{} {}", "", "line 1, byte 4")]
    [InlineData("redis://host", "", "A configuration is an object in braces")]
    [InlineData("", "", "empty")]
    [InlineData("  ", "", "empty")]
    [InlineData("@", "", "No file is named")]
    [InlineData("""{"namespace":"\ud800"}""", "namespace", "surrogate")]
    public void Text_that_is_not_json_says_where(string json, string path, string part)
    {
        LockConfigException problem = Assert.Throws<LockConfigException>(() => LockConfig.Parse(json));

        Assert.Equal(path, problem.Path);
        Assert.Contains(part, problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Deep_nesting_is_an_error_and_no_crash() =>
        Assert.Throws<LockConfigException>(() => LockConfig.Parse(new string('[', 100_000)));

    [Fact]
    public void A_long_value_is_shortened()
    {
        LockConfigException problem = Assert.Throws<LockConfigException>(
            () => LockConfig.Parse($$$"""{"lockOptions":{"wait":"{{{new string('x', 5000)}}}"}}"""));

        Assert.True(problem.Message.Length < 300, problem.Message);
    }
}
