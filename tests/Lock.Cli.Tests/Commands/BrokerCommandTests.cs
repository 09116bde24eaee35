using System.Globalization;
using System.Text.Json;

namespace Locking.Cli.Tests.Commands;

public sealed class BrokerCommandTests : IAsyncLifetime
{
    private readonly Sandbox _sandbox = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _sandbox.DisposeAsync();

    [Theory]
    [InlineData(15)]
    [InlineData(2)]
    public async Task It_serves_until_a_signal_ends_it_and_leaves_no_socket(int signal)
    {
        using CliProcess broker = _sandbox.Start("broker", "--path", _sandbox.Socket);
        await Eventually.TrueAsync(() => File.Exists(_sandbox.Socket), "the socket");
        Assert.Equal("ran\n", (await _sandbox.RunAsync("run", "k", "--", "echo", "ran")).Output);
        broker.Signal(signal);
        CliResult result = await broker.ResultAsync();
        Assert.Equal((0, ""), (result.Code, result.Output));
        Assert.Contains($"the broker listens on {_sandbox.Socket}", result.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(_sandbox.Socket));
    }

    [Fact]
    public async Task Json_says_where_it_listens_and_tcp_works()
    {
        using CliProcess broker = _sandbox.Start("broker", "--host", "127.0.0.1", "--port", "0", "--json");
        await broker.SeesAsync("\n");
        JsonElement line = JsonSerializer.Deserialize<JsonElement>(broker.OutputSoFar);
        Assert.Equal(
            ["event", "path", "host", "port", "pid", "version"], line.EnumerateObject().Select(static p => p.Name));
        Assert.Equal("listening", line.GetProperty("event").GetString());
        Assert.Equal(broker.Pid, line.GetProperty("pid").GetInt32());
        string port = line.GetProperty("port").GetInt32().ToString(CultureInfo.InvariantCulture);
        _sandbox.Config = $$"""{"type":"broker","connection":{"host":"127.0.0.1","port":{{port}} } }""";
        Assert.Equal("ran\n", (await _sandbox.RunAsync("run", "k", "--", "echo", "ran")).Output);
    }

    [Fact]
    public async Task A_second_one_at_the_same_socket_is_told_and_does_no_harm()
    {
        using CliProcess broker = _sandbox.Start("broker", "--path", _sandbox.Socket, "--json");
        await broker.SeesAsync("listening");
        CliResult second = await _sandbox.RunAsync("broker", "--path", _sandbox.Socket);
        Assert.Equal(1, second.Code);
        Assert.Contains("another broker listens", second.Error, StringComparison.Ordinal);
        Assert.Equal(0, (await _sandbox.RunAsync("run", "k", "--", "true")).Code);
    }

    [Fact]
    public async Task It_ends_by_itself_when_it_is_idle()
    {
        using CliProcess broker = _sandbox.Start("broker", "--path", _sandbox.Socket, "--idle-exit", "500ms");
        Assert.Equal(0, (await broker.ResultAsync()).Code);
        Assert.False(File.Exists(_sandbox.Socket));
    }

    [Fact]
    public async Task A_secret_comes_from_a_file_and_is_needed_then()
    {
        await File.WriteAllTextAsync(_sandbox.PathOf("secret"), "open sesame\n");
        using CliProcess broker = _sandbox.Start("broker", "--path", _sandbox.Socket, "--secret-file", _sandbox.PathOf("secret"), "--json");
        await broker.SeesAsync("listening");
        CliResult refused = await _sandbox.RunAsync("run", "k", "--", "true");
        Assert.Equal(69, refused.Code);
        Assert.Contains("secret", refused.Error, StringComparison.Ordinal);
        _sandbox.Config = $$"""{"type":"broker","connection":{"path":"{{_sandbox.Socket}}","secret":"open sesame"} }""";
        Assert.Equal(0, (await _sandbox.RunAsync("run", "k", "--", "true")).Code);
    }

    [Fact]
    public async Task A_launched_one_belongs_to_nobody_and_shows_no_secret()
    {
        _sandbox.Config = $$"""{"type":"broker","connection":{"path":"{{_sandbox.Socket}}","secret":"open sesame"} }""";
        Assert.Equal(0, (await _sandbox.RunAsync("run", "k", "--", "true")).Code);
        int broker = Assert.Single(_sandbox.Brokers());
        string process = $"/proc/{broker.ToString(CultureInfo.InvariantCulture)}";
        Assert.DoesNotContain("sesame", await File.ReadAllTextAsync($"{process}/cmdline"), StringComparison.Ordinal);
        Assert.Equal("/", new DirectoryInfo($"{process}/cwd").LinkTarget);
        Assert.Equal(broker, LibC.getsid(broker));
        for (int stream = 0; stream <= 2; stream++)
            Assert.Equal("/dev/null", new FileInfo($"{process}/fd/{stream.ToString(CultureInfo.InvariantCulture)}").LinkTarget);
    }
}
