namespace Locking.Tests.Configuration;

public sealed class RoundTripTests
{
    [Fact]
    public void What_is_written_reads_the_same()
    {
        var config = LockConfig.Parse(
            """
            {"type":"redLock","namespace":"ä \"q\"","preset":"kuzzle",
             "connection":{"endpoints":[{"host":"a","port":1,"tls":true},{"url":"rediss://b:6380"}],"connectTimeout":"2s","noDelay":false},
             "lockOptions":{"ttl":1500,"autoRenew":true,"maxHold":null,"waitTimeout":-1,"retryCount":-1,"wait":"poll","driftFactor":0.25,
               "keyPrefix":"","owner":"o"}}
            """);

        var read = LockConfig.Parse(config.ToJson());

        Assert.Equal(config.Connection!["endpoints"], read.Connection!["endpoints"]);
        Assert.Equal(config with { Connection = null }, read with { Connection = null });
        Assert.Equal(config.ToJson(), read.ToJson());
    }

    [Fact]
    public void An_empty_configuration_is_an_empty_object() => Assert.Equal("{}", new LockConfig().ToJson());

    [Fact]
    public void An_address_is_written_only_when_it_can_hold_no_secret() =>
        Assert.Equal(
            """{"connection":{"endpoints":[{"url":"redis://h:1"},{},{},{}]}}""",
            LockConfig.Parse(
                """
                {"connection":{"endpoints":[{"url":"redis://h:1"},{"url":"redis://u:p@h"},{"url":"h,password=p"},{"url":"redis://h?x=p"}]}}
                """).ToJson());
}
