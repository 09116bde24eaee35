using System.Globalization;
using System.Text.Json;
using Locking.Testing;

namespace Locking.Cli.Tests.Commands;

/// <summary><c>lock doctor</c> on Redis and on a quorum, as text and as JSON.</summary>
public sealed class RedisDoctorTests : IAsyncLifetime
{
    private readonly Sandbox _sandbox = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _sandbox.DisposeAsync();

    [Fact]
    public async Task A_server_that_keeps_everything_is_healthy()
    {
        await using RedisServer server = await RedisServer.StartAsync("--appendonly", "yes");
        Configure(server);
        CliResult result = await _sandbox.RunAsync("doctor");
        Assert.Equal((0, ""), (result.Code, result.Error));
        Assert.StartsWith("backend      redis\nreachable    yes", result.Output, StringComparison.Ordinal);
        Assert.Contains($"\nnote: Redis ", result.Output, StringComparison.Ordinal);
        Assert.EndsWith("\nNothing unsafe was found.\n", result.Output, StringComparison.Ordinal);
        Assert.Empty(await WarningsAsync());
        Assert.Equal(new CliResult(0, "", ""), await _sandbox.RunAsync("ls"));
    }

    [Fact]
    public async Task What_is_unsafe_about_a_server_is_warned_of_and_is_still_0()
    {
        await using RedisServer server = await RedisServer.StartAsync("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru");
        Configure(server);
        Assert.Equal(["evicts-locks", "no-persistence"], await WarningsAsync());
        CliResult text = await _sandbox.RunAsync("doctor");
        Assert.Equal((0, ""), (text.Code, text.Error));
        string port = server.Port.ToString(CultureInfo.InvariantCulture);
        Assert.Contains(
            $"\nwarning: 127.0.0.1:{port} has the maxmemory-policy allkeys-lru", text.Output, StringComparison.Ordinal);
        Assert.EndsWith("\n2 warnings.\n", text.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Replicas_that_nobody_waits_for_are_warned_of_until_the_configuration_waits()
    {
        await using RedisServer master = await RedisServer.StartAsync("--appendonly", "yes", "--repl-diskless-sync-delay", "0");
        await using RedisServer replica = await RedisServer.StartAsync(
            "--replicaof", "127.0.0.1", master.Port.ToString(CultureInfo.InvariantCulture));
        await using (RawRedis raw = await master.RawAsync())
        {
            await raw.CommandAsync("SET", "replicated", "yes");
            Assert.Equal(1L, await raw.CommandAsync("WAIT", "1", "20000"));
        }

        Configure(master);
        Assert.Equal(["replicas-not-awaited"], await WarningsAsync());
        Configure(master, ""","replicas":1""");
        Assert.Empty(await WarningsAsync());
        Configure(master, ""","replicas":2,"replicaTimeout":200""");
        CliResult fails = await _sandbox.RunAsync("doctor", "--json");
        Assert.Equal(69, fails.Code);
        Assert.Contains("1 of 2 replicas", fails.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_quorum_with_a_node_down_is_warned_of_and_one_with_a_majority_down_is_69()
    {
        RedisServer[] servers = await Task.WhenAll(
            Enumerable.Range(0, 3).Select(static _ => RedisServer.StartAsync("--appendonly", "yes")));
        try
        {
            string endpoints = string.Join(
                ',', servers.Select(static server => $$"""{"port":{{server.Port.ToString(CultureInfo.InvariantCulture)}}}"""));
            _sandbox.Config =
                $$"""{"type":"redLock","connection":{"endpoints":[{{endpoints}}],"connectTimeout":2000},"lockOptions":{"ttl":"1h"} }""";
            Assert.Empty(await WarningsAsync());
            servers[1].Kill();
            Assert.Equal(["node-down"], await WarningsAsync());
            CliResult text = await _sandbox.RunAsync("doctor");
            Assert.Contains("2 of 3 nodes vote, 2 are needed. Not one more may fail.", text.Output.Replace(
                "\n  ", " ", StringComparison.Ordinal), StringComparison.Ordinal);
            servers[0].Kill();
            Assert.Equal(69, (await _sandbox.RunAsync("doctor")).Code);
        }
        finally
        {
            foreach (RedisServer? server in servers)
                await server.DisposeAsync();
        }
    }

    private void Configure(RedisServer server, string more = "")
    {
        string port = server.Port.ToString(CultureInfo.InvariantCulture);
        _sandbox.Config = $$"""{"type":"redis","connection":{"host":"127.0.0.1","port":{{port}}},"lockOptions":{"ttl":"1h"{{more}}} }""";
    }

    private async Task<List<string?>> WarningsAsync()
    {
        CliResult result = await _sandbox.RunAsync("doctor", "--json");
        Assert.Equal((0, ""), (result.Code, result.Error));
        JsonElement json = JsonSerializer.Deserialize<JsonElement>(result.Output);
        Assert.All(json.GetProperty("findings").EnumerateArray(), static f => Assert.NotEmpty(f.GetProperty("text").GetString()!));
        return
        [
            .. json.GetProperty("findings").EnumerateArray().Where(static f => f.GetProperty("warning").GetBoolean())
                .Select(static f => f.GetProperty("code").GetString()),
        ];
    }
}
