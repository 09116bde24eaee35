using System.Globalization;
using System.Text.Json;
using Locking.Testing;

namespace Locking.Cli.Tests.Commands;

/// <summary>What a wrong configuration looks like to who typed a command: one line that says what is wrong, and the exit code of its
/// kind.</summary>
public sealed class MessageTests : IAsyncLifetime
{
    private readonly Sandbox _sandbox = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _sandbox.DisposeAsync();

    [Theory]
    [InlineData("""{"type":"redis","connection":{"host":"127.0.0.1:7000"}}""", "connection.host: \"127.0.0.1:7000\" has a port in it.")]
    [InlineData("""{"type":"broker","connection":{"host":"127.0.0.1:7000"}}""", "connection.host: \"127.0.0.1:7000\" has a port in it.")]
    [InlineData("""{"type":"mongo","connection":{"host":"127.0.0.1:7000"}}""", "connection.host: \"127.0.0.1:7000\" has a port in it.")]
    [InlineData(
        """{"type":"redLock","connection":{"endpoints":[{"host":"127.0.0.1:7000"}]}}""",
        "connection.endpoints[0].host: \"127.0.0.1:7000\" has a port in it.")]
    [InlineData(
        """{"type":"redis","connection":{"hostname":"127.0.0.1"}}""", "connection.hostname: There is no such setting. Did you mean host?")]
    [InlineData(
        """{"type":"redis","connection":{"url":"redis://u:p@h:99999/0"}}""", "connection.url: has the port 99999. Allowed: 1 to 65535.")]
    [InlineData(
        """{"type":"redLock","connection":{"endpoints":[{"url":"redis://h:0"}]}}""",
        "connection.endpoints[0].url: has the port 0. Allowed: 1 to 65535.")]
    [InlineData(
        """{"type":"mongo","connection":{"url":"mongodb://a,[::1]:99999/locks"}}""",
        "connection.url: has the port 99999. Allowed: 1 to 65535.")]
    [InlineData(
        """{"type":"postgres","connection":{"url":"postgres://h:99999/x"}}""", "connection.url: has the port 99999. Allowed: 1 to 65535.")]
    public async Task A_wrong_setting_is_64_and_named_by_its_path(string config, string message)
    {
        _sandbox.Config = config;
        await AssertOneLineAsync(64, message);
    }

    [Theory]
    [InlineData("redis")]
    [InlineData("mongo")]
    public async Task A_host_that_has_no_address_is_69_and_named(string type)
    {
        _sandbox.Config = $$"""{"type":"{{type}}","connection":{"host":"no-such-host.invalid"} }""";
        await AssertOneLineAsync(69, "no-such-host.invalid", "DNS");
    }

    [Fact]
    public async Task A_password_that_the_server_does_not_ask_for_is_69_and_not_shown()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        string port = server.Port.ToString(CultureInfo.InvariantCulture);
        _sandbox.Config = $$"""{"type":"redis","connection":{"host":"127.0.0.1","port":{{port}},"password":"open-sesame"} }""";
        string shown = await AssertOneLineAsync(69, "asks for no password, and connection.password gives one");
        Assert.DoesNotContain("sesame", shown, StringComparison.Ordinal);
    }

    /// <summary>Of <c>run</c> and of <c>doctor</c>, as text and as JSON.</summary>
    private async Task<string> AssertOneLineAsync(int code, params string[] texts)
    {
        string all = "";
        foreach (string[] words in new string[][] { ["run", "-n", "k", "--", "true"], ["doctor"], ["doctor", "--json"] })
        {
            CliResult result = await _sandbox.RunAsync(words);
            Assert.Equal(code, result.Code);
            Assert.StartsWith("lock: ", result.Error, StringComparison.Ordinal);
            Assert.Equal(1, result.Error.Count(static c => c == '\n'));
            Assert.All(texts, text => Assert.Contains(text, result.Error, StringComparison.Ordinal));
            if (words.Contains("--json") && code == 69)
            {
                string? error = JsonSerializer.Deserialize<JsonElement>(result.Output).GetProperty("error").GetString();
                Assert.All(texts, text => Assert.Contains(text, error, StringComparison.Ordinal));
            }
            else
            {
                Assert.Empty(result.Output);
            }

            all += result.Output + result.Error;
        }

        return all;
    }
}
