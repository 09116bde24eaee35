using System.Text.Json;

namespace Locking.Cli.Tests.Commands;

public sealed class BenchTests : IAsyncLifetime
{
    private readonly Sandbox _sandbox = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _sandbox.DisposeAsync();

    [Fact]
    public async Task Json_has_figures_of_each_part_and_no_lock_is_left_behind()
    {
        CliResult result = await _sandbox.RunAsync("bench", "-d", "900ms", "--tasks", "3", "--keys", "7", "--clients", "4", "--json");
        Assert.Equal((0, ""), (result.Code, result.Error));
        JsonElement json = JsonSerializer.Deserialize<JsonElement>(result.Output);
        Assert.Equal(["type", "uncontended", "manyKeys", "handOff"], json.EnumerateObject().Select(static p => p.Name));
        foreach (string? name in new[] { "uncontended", "manyKeys" })
        {
            JsonElement part = json.GetProperty(name);
            Assert.True(part.GetProperty("perSecond").GetDouble() > 0);
            Assert.True(part.GetProperty("lockUnlock").GetProperty("count").GetInt64() > 0);
            Assert.Equal(0, part.GetProperty("lost").GetInt32());
        }

        JsonElement handOff = json.GetProperty("handOff");
        Assert.Equal((4, 0), (handOff.GetProperty("clients").GetInt32(), handOff.GetProperty("overlaps").GetInt32()));
        Assert.InRange(handOff.GetProperty("fairness").GetDouble(), 0, 1);
        Assert.True(handOff.GetProperty("wait").GetProperty("count").GetInt64() > 0);
        Assert.Equal(new CliResult(0, "", ""), await _sandbox.RunAsync("ls"));
    }

    [Fact]
    public async Task Text_names_the_parts_and_no_bar_is_drawn_where_there_is_no_terminal()
    {
        CliResult result = await _sandbox.RunAsync("bench", "--duration", "300ms");
        Assert.Equal((0, ""), (result.Code, result.Error));
        Assert.Contains("1000 keys, 16 tasks", result.Output, StringComparison.Ordinal);
        Assert.Contains("one key, 8 clients", result.Output, StringComparison.Ordinal);
        Assert.Contains("  fairness ", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_terminal_sees_a_bar()
    {
        CliResult result = await _sandbox.StartProgram(
            "script", "-qec", $"'{Published.Program}' bench -d 500ms >/dev/null", "/dev/null").ResultAsync();
        Assert.Equal(0, result.Code);
        Assert.Matches(@"\r\[#*\.+\] +\d+ %  ", result.Output);
        Assert.EndsWith("\r\x1b[K", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_signal_ends_it_at_once_and_gives_everything_back()
    {
        using CliProcess bench = _sandbox.Start("bench", "-d", "1h");
        await Eventually.TrueAsync(
            () => _sandbox.RunAsync("ls").GetAwaiter().GetResult().Output.Contains("lock-bench:", StringComparison.Ordinal), "a lock");
        bench.Signal(Signals.Terminate);
        Assert.Equal(128 + Signals.Terminate, (await bench.ResultAsync()).Code);
        Assert.Equal(new CliResult(0, "", ""), await _sandbox.RunAsync("ls"));
    }

    [Theory]
    [InlineData("--duration", "50ms", "100ms to 1h")]
    [InlineData("--clients", "1", "2 to 200")]
    [InlineData("--keys", "3", "--tasks 16")]
    public async Task Bad_numbers_are_64_and_say_what_is_allowed(string option, string value, string allowed)
    {
        CliResult result = await _sandbox.RunAsync("bench", option, value);
        Assert.Equal((64, ""), (result.Code, result.Output));
        Assert.Contains(allowed, result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_backend_that_is_not_there_is_69()
    {
        _sandbox.Config = """{"type":"broker","connection":{"host":"127.0.0.1","port":1,"launch":false} }""";
        CliResult result = await _sandbox.RunAsync("bench", "-d", "1s");
        Assert.Equal((69, ""), (result.Code, result.Output));
        Assert.Contains("127.0.0.1:1", result.Error, StringComparison.Ordinal);
    }
}
