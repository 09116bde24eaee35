using System.Globalization;
using System.Text.Json;

namespace Locking.Cli.Tests.Commands;

/// <summary>acquire, extend, show, ls, release.</summary>
public sealed class KeepingTests : IAsyncLifetime
{
    private readonly Sandbox _sandbox = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _sandbox.DisposeAsync();

    [Fact]
    public async Task An_acquired_lock_outlives_the_command_until_it_is_released_by_its_id()
    {
        CliResult acquired = await _sandbox.RunAsync("acquire", "deploy", "--ttl", "5m", "--owner", "Ann");
        Assert.Equal(0, acquired.Code);
        string[] words = acquired.Output.TrimEnd('\n').Split(' ');
        Assert.Equal(2, words.Length);
        CliResult busy = await _sandbox.RunAsync("acquire", "deploy", "--wait", "0");
        Assert.Equal((1, ""), (busy.Code, busy.Output));
        Assert.Contains("held by somebody else", busy.Error, StringComparison.Ordinal);

        CliResult shown = await _sandbox.RunAsync("show", "deploy");
        Assert.Equal(0, shown.Code);
        Assert.Contains("Ann", shown.Output, StringComparison.Ordinal);
        Assert.Contains(words[0], shown.Output, StringComparison.Ordinal);

        Assert.Equal(1, (await _sandbox.RunAsync("release", "deploy", "--id", Guid.NewGuid().ToString())).Code);
        Assert.Equal(1, (await _sandbox.RunAsync("run", "-n", "deploy", "--", "true")).Code);
        Assert.Equal(new CliResult(0, "", ""), await _sandbox.RunAsync("release", "deploy", "--id", words[0]));
        Assert.Equal(1, (await _sandbox.RunAsync("release", "deploy", "--id", words[0])).Code);
        Assert.Equal(1, (await _sandbox.RunAsync("show", "deploy")).Code);
    }

    [Fact]
    public async Task An_acquired_lock_ends_with_its_ttl_and_the_next_token_is_higher()
    {
        JsonElement first = await JsonAsync("acquire", "k", "--ttl", "300ms", "--json");
        JsonElement second = await JsonAsync("acquire", "k", "--wait", "10m", "--json");
        Assert.True(second.GetProperty("fencingToken").GetInt64() > first.GetProperty("fencingToken").GetInt64());
    }

    [Fact]
    public async Task Extending_needs_the_id_of_a_live_lease()
    {
        string id = (await JsonAsync("acquire", "k", "--ttl", "1m", "--json")).GetProperty("id").GetString()!;
        Assert.Equal(0, (await _sandbox.RunAsync("extend", "k", "--id", id, "--ttl", "1h")).Code);
        Assert.True((await JsonAsync("show", "k", "--json")).GetProperty("remaining").GetInt64() > 60_000);
        Assert.Equal(1, (await _sandbox.RunAsync("extend", "k", "--id", Guid.NewGuid().ToString(), "--ttl", "1h")).Code);
        Assert.Equal(0, (await _sandbox.RunAsync("extend", "k", "--id", id, "--ttl", "never")).Code);
        Assert.Equal(JsonValueKind.Null, (await JsonAsync("show", "k", "--json")).GetProperty("remaining").ValueKind);
        Assert.Contains("never expires", (await _sandbox.RunAsync("show", "k")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Json_has_the_documented_shapes()
    {
        JsonElement acquired = await JsonAsync("acquire", "ns-key", "--ns", "a", "--ttl", "5m", "--owner", "Ann", "--json");
        AssertNames(acquired, "key", "acquired", "id", "owner", "fencingToken", "remaining");
        Assert.Equal("a:ns-key", acquired.GetProperty("key").GetString());
        string id = acquired.GetProperty("id").GetString()!;

        JsonElement busy = await JsonAsync("acquire", "a:ns-key", "--wait", "0", "--json");
        AssertNames(busy, "key", "acquired");
        Assert.False(busy.GetProperty("acquired").GetBoolean());

        JsonElement shown = await JsonAsync("show", "a:ns-key", "--json");
        AssertNames(shown, "key", "held", "id", "owner", "fencingToken", "remaining");
        Assert.Equal(("Ann", id), (shown.GetProperty("owner").GetString(), shown.GetProperty("id").GetString()));

        JsonElement listed = await JsonAsync("ls", "--json");
        AssertNames(Assert.Single(listed.EnumerateArray()), "key", "id", "owner", "fencingToken", "remaining");

        JsonElement extended = await JsonAsync("extend", "ns-key", "--ns", "a", "--id", id, "--ttl", "90s", "--json");
        AssertNames(extended, "key", "extended", "ttl");
        Assert.Equal(90_000, extended.GetProperty("ttl").GetInt64());

        JsonElement foreign = await JsonAsync("release", "a:ns-key", "--id", "nobody", "--json");
        Assert.Equal(("heldByAnother", false), (foreign.GetProperty("outcome").GetString(), foreign.GetProperty("released").GetBoolean()));
        JsonElement released = await JsonAsync("release", "a:ns-key", "--id", id, "--json");
        AssertNames(released, "key", "released", "outcome");
        Assert.Equal("released", released.GetProperty("outcome").GetString());
        Assert.Equal("alreadyExpired", (await JsonAsync("release", "a:ns-key", "--force", "--json")).GetProperty("outcome").GetString());

        AssertNames(await JsonAsync("show", "a:ns-key", "--json"), "key", "held");
        Assert.Empty((await JsonAsync("ls", "--json")).EnumerateArray());
    }

    [Fact]
    public async Task Listing_is_sorted_filtered_by_prefix_and_harmless_to_a_terminal()
    {
        foreach (string? key in new[] { "b/1", "a/2", "a/1", "a/\u001b[31mred" })
            Assert.Equal(0, (await _sandbox.RunAsync("acquire", key, "--ttl", "5m")).Code);
        IEnumerable<string?> keys = (await JsonAsync("ls", "a/", "--json")).EnumerateArray().Select(
            static e => e.GetProperty("key").GetString());
        Assert.Equal(["a/\u001b[31mred", "a/1", "a/2"], keys);
        string table = (await _sandbox.RunAsync("ls")).Output;
        Assert.Contains("\\u001b[31mred", table, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', table);
        Assert.Equal(5, table.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
    }

    [Fact]
    public async Task Config_beats_LOCK_CONFIG_and_may_name_a_file()
    {
        string other = Path.Combine(_sandbox.Folder, "other", "broker.sock");
        await File.WriteAllTextAsync(
            _sandbox.PathOf("config.json"), $$"""{"type":"broker","connection":{"path":"{{other}}"}, /* there */ }""");
        Assert.Equal(0, (await _sandbox.RunAsync("acquire", "k", "--ttl", "5m", "--config", "@config.json")).Code);
        Assert.True(File.Exists(other));
        Assert.Equal(1, (await _sandbox.RunAsync("show", "k")).Code);
        Assert.Equal(0, (await _sandbox.RunAsync("show", "k", "--config=@config.json")).Code);
    }

    [Fact]
    public async Task The_ttl_of_the_configuration_is_the_default()
    {
        _sandbox.Config = $$"""{"type":"broker","connection":{"path":"{{_sandbox.Socket}}"},"lockOptions":{"ttl":"2h"} }""";
        Assert.Equal(0, (await _sandbox.RunAsync("acquire", "k")).Code);
        Assert.True((await JsonAsync("show", "k", "--json")).GetProperty("remaining").GetInt64() > 3_600_000);
    }

    private static void AssertNames(JsonElement element, params string[] names) =>
        Assert.Equal(names, element.EnumerateObject().Select(static p => p.Name));

    private async Task<JsonElement> JsonAsync(params string[] words)
    {
        CliResult result = await _sandbox.RunAsync(words);
        Assert.True(result.Error.Length == 0, result.ToString());
        Assert.EndsWith("\n", result.Output, StringComparison.Ordinal);
        return JsonSerializer.Deserialize<JsonElement>(result.Output);
    }
}
