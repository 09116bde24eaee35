using System.Globalization;
using System.Text.Json;

namespace Locking.Cli.Tests.Commands;

public sealed class DoctorTests : IAsyncLifetime
{
    private readonly Sandbox _sandbox = new();

    public Task InitializeAsync()
    {
        // So long that no machine is too slow for it: that is a warning of its own.
        _sandbox.Config = $$"""{"type":"broker","connection":{"path":"{{_sandbox.Socket}}"},"lockOptions":{"ttl":"1h"} }""";
        return Task.CompletedTask;
    }

    public async Task DisposeAsync() => await _sandbox.DisposeAsync();

    [Fact]
    public async Task A_healthy_broker_has_figures_and_no_warnings_and_nothing_is_left_behind()
    {
        CliResult result = await _sandbox.RunAsync("doctor");
        Assert.Equal((0, ""), (result.Code, result.Error));
        Assert.Contains("\nreachable    yes", result.Output, StringComparison.Ordinal);
        Assert.Contains("\nlock+unlock  p50 ", result.Output, StringComparison.Ordinal);
        Assert.Contains(_sandbox.Socket, result.Output, StringComparison.Ordinal);
        Assert.EndsWith("\nNothing unsafe was found.\n", result.Output, StringComparison.Ordinal);
        Assert.Equal(new CliResult(0, "", ""), await _sandbox.RunAsync("ls"));
    }

    [Fact]
    public async Task Json_has_the_documented_shape()
    {
        JsonElement json = await JsonAsync();
        Assert.Equal(["type", "reachable", "connect", "read", "lockUnlock", "findings"], json.EnumerateObject().Select(static p => p.Name));
        Assert.Equal(("broker", true), (json.GetProperty("type").GetString(), json.GetProperty("reachable").GetBoolean()));
        foreach (string? name in new[] { "read", "lockUnlock" })
        {
            JsonElement times = json.GetProperty(name);
            Assert.InRange(times.GetProperty("count").GetInt32(), 1, 100);
            Assert.InRange(times.GetProperty("p50").GetDouble(), 0.001, times.GetProperty("max").GetDouble());
        }

        JsonElement server = Assert.Single(json.GetProperty("findings").EnumerateArray());
        Assert.Equal(("server", false), (server.GetProperty("code").GetString(), server.GetProperty("warning").GetBoolean()));
    }

    [Fact]
    public async Task A_backend_that_is_not_there_is_69_with_and_without_json()
    {
        _sandbox.Config = """{"type":"broker","connection":{"host":"127.0.0.1","port":1,"launch":false} }""";
        CliResult text = await _sandbox.RunAsync("doctor");
        Assert.Equal((69, ""), (text.Code, text.Output));
        Assert.Contains("127.0.0.1:1", text.Error, StringComparison.Ordinal);
        CliResult result = await _sandbox.RunAsync("doctor", "--json");
        Assert.Equal(69, result.Code);
        JsonElement json = JsonSerializer.Deserialize<JsonElement>(result.Output);
        Assert.False(json.GetProperty("reachable").GetBoolean());
        Assert.Contains("127.0.0.1:1", json.GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_broker_that_everybody_can_reach_is_unsafe_and_still_0()
    {
        using CliProcess broker = _sandbox.Start("broker", "--host", "0.0.0.0", "--port", "0", "--insecure", "--json");
        await broker.SeesAsync("\n");
        string port = JsonSerializer.Deserialize<JsonElement>(broker.OutputSoFar).GetProperty("port").GetInt32().ToString(
            CultureInfo.InvariantCulture);
        _sandbox.Config =
            $$"""{"type":"broker","connection":{"host":"127.0.0.1","port":{{port}},"launch":false},"lockOptions":{"ttl":"1h"} }""";
        Assert.Equal(["open-network", "no-state-file"], await WarningsAsync());
        CliResult text = await _sandbox.RunAsync("doctor");
        Assert.Contains("\nwarning: The broker listens beyond its machine", text.Output, StringComparison.Ordinal);
        Assert.EndsWith("\n2 warnings.\n", text.Output, StringComparison.Ordinal);
        Assert.All(text.Output.Split('\n'), static line => Assert.False(line.EndsWith(' ')));
    }

    [Fact]
    public async Task A_broker_that_leaves_nothing_for_the_next_one_is_unsafe()
    {
        using CliProcess broker = _sandbox.Start("broker", "--port", "0", "--json");
        await broker.SeesAsync("\n");
        Assert.Equal("127.0.0.1", JsonSerializer.Deserialize<JsonElement>(broker.OutputSoFar).GetProperty("host").GetString());
        string port = JsonSerializer.Deserialize<JsonElement>(broker.OutputSoFar).GetProperty("port").GetInt32().ToString(
            CultureInfo.InvariantCulture);
        _sandbox.Config =
            $$"""{"type":"broker","connection":{"host":"127.0.0.1","port":{{port}},"launch":false},"lockOptions":{"ttl":"1h"} }""";
        Assert.Equal(["no-state-file"], await WarningsAsync());
        CliResult text = await _sandbox.RunAsync("doctor");
        Assert.Equal((0, ""), (text.Code, text.Error));
        Assert.Contains("\nwarning: The broker keeps no record", text.Output, StringComparison.Ordinal);
        Assert.EndsWith("\n1 warning.\n", text.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_broker_that_came_back_after_a_crash_grants_at_once_and_one_whose_record_was_damaged_says_that_it_does_not()
    {
        using CliProcess broker = _sandbox.Start("broker", "--path", _sandbox.Socket, "--json");
        await broker.SeesAsync("listening");
        Assert.Equal(0, (await _sandbox.RunAsync("acquire", "k", "--ttl", "10m")).Code);
        broker.Signal(Signals.Kill);
        await broker.ResultAsync();
        using CliProcess next = _sandbox.Start("broker", "--path", _sandbox.Socket, "--json");
        await next.SeesAsync("listening");
        Assert.Empty(await WarningsAsync());
        next.Signal(Signals.Kill);
        await next.ResultAsync();

        // The first lease stands at the first place behind the head.
        byte[] record = await File.ReadAllBytesAsync(_sandbox.Socket + ".record");
        record[256] ^= 1;
        await File.WriteAllBytesAsync(_sandbox.Socket + ".record", record);
        using CliProcess last = _sandbox.Start("broker", "--path", _sandbox.Socket, "--json");
        await last.SeesAsync("listening");
        Assert.Equal(["no-grants", "waiting-after-crash"], await WarningsAsync());
    }

    [Fact]
    public async Task What_is_unsafe_in_the_configuration_is_told_and_secrets_are_not()
    {
        await File.WriteAllTextAsync(_sandbox.PathOf("secret"), "open sesame");
        using CliProcess broker = _sandbox.Start("broker", "--path", _sandbox.Socket, "--secret-file", _sandbox.PathOf("secret"), "--json");
        await broker.SeesAsync("listening");
        string file = _sandbox.PathOf("config.json");
        await File.WriteAllTextAsync(
            file, $$"""{"type":"broker","connection":{"path":"{{_sandbox.Socket}}","secret":"open sesame"},"lockOptions":{"ttl":null} }""");
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherRead);
        _sandbox.Config = $"@{file}";
        CliResult result = await _sandbox.RunAsync("doctor", "--json");
        Assert.Equal(["no-ttl", "readable-secret"], Warnings(JsonSerializer.Deserialize<JsonElement>(result.Output)));
        Assert.DoesNotContain("sesame", result.Output + result.Error, StringComparison.Ordinal);
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        Assert.Equal(["no-ttl"], await WarningsAsync());

        _sandbox.Config = $$"""{"type":"broker","connection":{"path":"{{_sandbox.Socket}}","secret":"wrong"} }""";
        Assert.Equal(69, (await _sandbox.RunAsync("doctor")).Code);
    }

    [Fact]
    public async Task A_ttl_below_a_second_is_told()
    {
        _sandbox.Config = $$"""{"type":"broker","connection":{"path":"{{_sandbox.Socket}}"},"lockOptions":{"ttl":30} }""";
        Assert.Contains("ttl-below-1s", await WarningsAsync());
        Assert.Contains("lockOptions.ttl is 30.0 ms", (await _sandbox.RunAsync("doctor")).Output, StringComparison.Ordinal);
        _sandbox.Config = $$"""{"type":"broker","connection":{"path":"{{_sandbox.Socket}}"},"lockOptions":{"ttl":1000} }""";
        Assert.DoesNotContain("ttl-below-1s", await WarningsAsync());
    }

    private static List<string?> Warnings(JsonElement json) =>
    [
        .. json.GetProperty("findings").EnumerateArray().Where(static f => f.GetProperty("warning").GetBoolean())
            .Select(static f => f.GetProperty("code").GetString()),
    ];

    private async Task<List<string?>> WarningsAsync() => Warnings(await JsonAsync());

    private async Task<JsonElement> JsonAsync()
    {
        CliResult result = await _sandbox.RunAsync("doctor", "--json");
        Assert.Equal((0, ""), (result.Code, result.Error));
        return JsonSerializer.Deserialize<JsonElement>(result.Output);
    }
}
