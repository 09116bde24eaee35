using System.Text;
using Microsoft.Extensions.Configuration;

namespace Locking.Tests.Configuration;

/// <summary>The same shape, rules and messages where everything is a string.</summary>
public sealed class IConfigurationTests
{
    [Fact]
    public void A_json_file_reads_the_same_as_the_json_itself()
    {
        const string Json =
            """
            {"type":"redLock","namespace":"app","preset":"kuzzle","retry":-3,
             "connection":{"endpoints":[{"host":"a","port":1},{"host":"b","tls":true},{"url":"redis://c"}],"connectTimeout":"2s"},
             "lockOptions":{"ttl":null,"autoRenew":true,"maxHold":null,"waitTimeout":-1,"wait":"poll","driftFactor":0.25,"fair":false,
               "owner":"o","keyPrefix":""}}
            """;

        var expected = LockConfig.Parse(Json);
        var read = LockConfig.FromConfiguration(FromJson($$$"""{"Lock":{{{Json}}}}"""));

        Assert.Equal(expected.Connection!["endpoints"], read!.Connection!["endpoints"]);
        Assert.Equal(
            expected with { Connection = null },
            read with { Connection = null });
        Assert.Equal(TimeSpan.FromSeconds(2), read.Connection["connectTimeout"]);
    }

    [Fact]
    public void Environment_variables_are_strings_and_arrive_with_their_types()
    {
        LockConfig read = LockConfig.FromConfiguration(From(
            ("Lock:type", "Redis"),
            ("Lock:connection:port", "6380"),
            ("Lock:connection:tls", "True"),
            ("Lock:connection:password", ""),
            ("Lock:lockOptions:ttl", ""),
            ("Lock:lockOptions:waitTimeout", "5s"),
            ("Lock:lockOptions:retryCount", "3"),
            ("Lock:lockOptions:driftFactor", "0.1"),
            ("Lock:lockOptions:maxHold", "null")))!;

        Assert.Equal("redis", read.Type);
        Assert.Equal(new LockSettings { ["port"] = 6380, ["tls"] = true, ["password"] = "" }, read.Connection);
        Assert.Equal(
            new LockOptions
            {
                Ttl = Timeout.InfiniteTimeSpan,
                WaitTimeout = TimeSpan.FromSeconds(5),
                RetryCount = 3,
                DriftFactor = 0.1,
                MaxHold = Timeout.InfiniteTimeSpan,
            },
            read.LockOptions);
    }

    [Fact]
    public void The_section_itself_and_the_wrapper_are_read_too()
    {
        IConfigurationRoot configuration = From(("Mine:namespace", "app"), ("Mine:lockConfig:type", "broker"));

        LockConfig read = LockConfig.FromConfiguration(configuration.GetSection("Mine"))!;

        Assert.Equal(("broker", "app"), (read.Type, read.Namespace));
        Assert.Null(LockConfig.FromConfiguration(configuration));
    }

    [Fact]
    public void A_section_that_is_one_text_is_json() =>
        Assert.Equal("mongo", LockConfig.FromConfiguration(From(("Lock", """{"type":"mongo"}""")))!.Type);

    [Theory]
    [InlineData("lockOptions:ttl", "soon", "lockOptions.ttl", "\"soon\"")]
    [InlineData("lockOptions:retryCount", "many", "lockOptions.retryCount", "\"many\"")]
    [InlineData("lockOptions:retryDelay", "", "lockOptions.retryDelay", "\"\" is not a value")]
    [InlineData("lockOptions:fair", "yes", "lockOptions.fair", "\"yes\"")]
    [InlineData("lockOptions:tll", "1", "lockOptions.tll", "Did you mean ttl?")]
    [InlineData("connection:endpoints:0:port", "0", "connection.endpoints[0].port", "1 to 65535")]
    [InlineData("connection:endpoints", "hunter2", "connection.endpoints", "hidden")]
    public void An_error_has_the_same_path_and_names_the_section(string key, string value, string path, string part)
    {
        LockConfigException problem = Assert.Throws<LockConfigException>(() => LockConfig.FromConfiguration(From(($"Lock:{key}", value))));

        Assert.Equal(path, problem.Path);
        Assert.Contains(part, problem.Message, StringComparison.Ordinal);
        Assert.Contains("the configuration section Lock", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_and_its_alias_from_two_sources_must_agree()
    {
        LockConfigException problem = Assert.Throws<LockConfigException>(
            () => LockConfig.FromConfiguration(From(("Lock:lockOptions:ttl", "1s"), ("Lock:lockOptions:timeoutMillis", "2000"))));

        Assert.Contains("differently", problem.Message, StringComparison.Ordinal);
    }

    private static IConfigurationRoot From(params (string Key, string Value)[] values) =>
        new ConfigurationBuilder()
            .AddInMemoryCollection(values.Select(value => KeyValuePair.Create(value.Key, (string?)value.Value)))
            .Build();

    private static IConfigurationRoot FromJson(string json) =>
        new ConfigurationBuilder().AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes(json))).Build();
}
