using Locking.Tests;
using Microsoft.Extensions.Logging;

namespace Locking.Tests.Configuration;

/// <summary>The word hunter2 stands for every secret: it may be in no message, log or text form.</summary>
public sealed class SecretTests
{
    private const string Secret = "hunter2";

    [Theory]
    [InlineData("""{"connection":{"password":["hunter2"]}}""")]
    [InlineData("""{"connection":{"password":{"hunter2":1}}}""")]
    [InlineData("""{"connection":{"secret":true,"secret":"hunter2"}}""")]
    [InlineData("""{"connection":{"url":"redis://:hunter2@h","connectionString":"redis://h"}}""")]
    [InlineData("""{"connection":{"pasword":"hunter2"}}""")]
    [InlineData("""{"connection":"redis://:hunter2@h"}""")]
    [InlineData("""{"connection":"h,password=hunter2"}""")]
    [InlineData("""{"connection":{"endpoints":["redis://:hunter2@h"]}}""")]
    [InlineData("""{"connection":{"endpoints":"hunter2"}}""")]
    [InlineData("""{"lockConfig":"hunter2"}""")]
    [InlineData("""{"lockOptions":"hunter2"}""")]
    [InlineData("""{"lockOptions":{"wait":"mongodb://u:hunter2@h"}}""")]
    [InlineData("""{"connection":{"password":hunter2}}""")]
    [InlineData("""{"connection":{"password":"hunter2}}""")]
    [InlineData("hunter2")]
    public void A_secret_is_in_no_error(string json)
    {
        LockConfigException problem = Assert.Throws<LockConfigException>(() => LockConfig.Parse(json));

        Assert.DoesNotContain("hunter", problem.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_secret_number_is_hidden_too()
    {
        LockConfigException problem = Assert.Throws<LockConfigException>(() => LockConfig.Parse("""{"connection":{"password":123456789}}"""));

        Assert.Equal("connection.password", problem.Path);
        Assert.DoesNotContain("123456789", problem.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_type_that_is_an_address_does_not_show_its_password()
    {
        LockConfigException problem = Assert.Throws<LockConfigException>(() => Lock.Create("""{"type":"redis://:hunter2@h"}"""));

        Assert.DoesNotContain(Secret, problem.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"type":"redis","connection":{"url":"redis://u:hunter2@h"}}""")]
    [InlineData("""{"type":"redis","connection":{"url":"h,password=hunter2"}}""")]
    [InlineData("""{"type":"redis","connection":{"url":"redis://h?password=hunter2"}}""")]
    [InlineData("""{"type":"redis","connection":{"host":"h","username":"u","password":"hunter2"}}""")]
    [InlineData("""{"type":"broker","connection":{"secret":"hunter2"}}""")]
    [InlineData("""{"type":"redLock","connection":{"endpoints":[{"host":"a","password":"hunter2"}]}}""")]
    public void A_secret_is_in_no_text_form_and_no_log(string json)
    {
        var config = LockConfig.Parse(json);
        var logs = new RecordingLogs();
        var provider = new CapturingProvider(config.Type!);
        _ = Lock.Create(
            config with { StoreOptions = new LockSettings { ["nodeTimeout"] = "1s", ["replicaTimeout"] = TimeSpan.FromSeconds(1) } },
            context: new LockProviderContext(TimeProvider.System, logs),
            providers: [provider]);

        Assert.DoesNotContain(Secret, config.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, config.ToJson(), StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, provider.Config!.ToString(), StringComparison.Ordinal);
        Assert.All(logs.Entries, entry => Assert.DoesNotContain(Secret, entry.Message, StringComparison.Ordinal));
        Assert.Contains(logs.Entries, entry => entry.Level == LogLevel.Information);
    }
}
