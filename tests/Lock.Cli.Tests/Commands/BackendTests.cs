using System.Globalization;
using System.Text.Json;
using Locking.Testing;

namespace Locking.Cli.Tests.Commands;

/// <summary>The same commands on every backend that a configuration can name: nothing but <c>LOCK_CONFIG</c> changes.</summary>
public sealed class BackendTests : IAsyncLifetime
{
    private readonly Sandbox _sandbox = new();
    private readonly List<RedisServer> _servers = [];

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _sandbox.DisposeAsync();
        foreach (RedisServer server in _servers)
            await server.DisposeAsync();
    }

    [Fact]
    public async Task LOCK_CONFIG_alone_moves_run_through_all_backends()
    {
        string inMemory = """{"type":"inMemory"}""";
        await using MongoAddress mongoServer = await MongoAddress.StartAsync();
        string uri = JsonSerializer.Serialize(mongoServer.Uri);
        string mongo =
            $$"""{"type":"mongo","connection":{"url":{{uri}},"database":"lock_tests","collection":"cli{{Guid.NewGuid():N}}"} }""";
        await using PostgresServer postgresServer = await PostgresServer.StartAsync();
        string port = postgresServer.Port.ToString(CultureInfo.InvariantCulture);
        string postgres = $$"""{"type":"postgres","connection":{"url":"postgres://postgres@127.0.0.1:{{port}}/postgres"} }""";
        await using EtcdServer etcdServer = await EtcdServer.StartAsync();
        string etcd = $$"""{"type":"etcd","connection":{"port":{{etcdServer.Port.ToString(CultureInfo.InvariantCulture)}}} }""";
        string broker = _sandbox.Config;
        for (int i = 0; i < 4; i++)
            _servers.Add(await RedisServer.StartAsync());
        string redis = $$"""{"type":"redis","connection":{"host":"127.0.0.1","port":{{Port(0)}}} }""";
        string quorum =
            $$"""{"type":"redLock","connection":{"endpoints":[{"port":{{Port(1)}}},{"port":{{Port(2)}}},{"port":{{Port(3)}}}]} }""";
        _sandbox.Config = inMemory;
        CliResult refused = await _sandbox.RunAsync("run", "orders/42", "--", "echo", "ran");
        Assert.Equal((64, ""), (refused.Code, refused.Output));
        Assert.Contains("type: inMemory locks end with the process that takes them", refused.Error, StringComparison.Ordinal);
        Assert.Contains("Allowed here: broker, redis, redLock, mongo, postgres, etcd", refused.Error, StringComparison.Ordinal);
        (string Type, string Config, int[] Servers)[] all =
        [
            ("broker", broker, []), ("redis", redis, [0]), ("redLock", quorum, [1, 2, 3]),
            ("mongo", mongo, []), ("postgres", postgres, []), ("etcd", etcd, []),
        ];
        foreach ((string type, string config, int[] servers) in all)
        {
            _sandbox.Config = config;
            string id = await RunsTakeTurnsAsync(type);
            Assert.NotEmpty(id);
            await RunEndsWhenForcedAsync(type is "mongo" or "postgres" ? "30s" : "10m");
            string doctor = (await _sandbox.RunAsync("doctor", "--json")).Output;
            Assert.Equal(type, JsonSerializer.Deserialize<JsonElement>(doctor).GetProperty("type").GetString());
            await AssertOnlyUsedAsync(servers);
        }

        string Port(int server) => _servers[server].Port.ToString(CultureInfo.InvariantCulture);
    }

    [Theory]
    [InlineData("redis")]
    [InlineData("redLock")]
    public async Task A_command_ends_with_75_when_the_servers_are_gone_for_longer_than_the_lease(string type)
    {
        await StartAsync(type);
        using CliProcess holder = await _sandbox.HoldAsync("k", "touch @STARTED; sleep 300", "--ttl", "30s");
        foreach (RedisServer server in _servers)
            server.Kill();
        Assert.Equal(75, (await holder.ResultAsync()).Code);
    }

    [Theory]
    [InlineData("redis")]
    [InlineData("redLock")]
    public async Task Servers_that_are_not_there_are_69_and_secrets_are_not_shown(string type)
    {
        await StartAsync(type, "--requirepass", "open-sesame-1");
        _sandbox.Config = _sandbox.Config.Replace("\"port\"", "\"password\":\"open-sesame-2\",\"port\"", StringComparison.Ordinal);
        CliResult refused = await _sandbox.RunAsync("run", "-n", "k", "--", "true");
        Assert.Equal(69, refused.Code);
        Assert.Contains("password", refused.Error, StringComparison.Ordinal);
        foreach (RedisServer server in _servers)
            server.Kill();
        CliResult gone = await _sandbox.RunAsync("run", "-n", "k", "--", "true");
        Assert.Equal(69, gone.Code);
        Assert.Contains($"127.0.0.1:{_servers[0].Port.ToString(CultureInfo.InvariantCulture)}", gone.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("sesame", refused.Output + refused.Error + gone.Output + gone.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Over_TLS_the_certificate_must_be_of_an_authority_that_the_machine_trusts()
    {
        await using TlsServer server = await TlsServer.StartAsync();
        _sandbox.Config =
            $$"""{"type":"redis","connection":{"url":"rediss://localhost:{{server.TlsPort.ToString(CultureInfo.InvariantCulture)}}"} }""";
        CliResult refused = await _sandbox.RunAsync("acquire", "k");
        Assert.Equal(69, refused.Code);
        Assert.Contains("certificate", refused.Error, StringComparison.Ordinal);
        using CliProcess trusting = _sandbox.StartProgram(
            "/usr/bin/env", $"SSL_CERT_FILE={server.AuthorityFile}", Published.Program, "acquire", "k");
        trusting.CloseInput();
        CliResult taken = await trusting.ResultAsync();
        Assert.Equal((0, ""), (taken.Code, taken.Error));
    }

    /// <summary>Holds the lock, is refused beside it, waits behind it, gets it.</summary>
    private async Task<string> RunsTakeTurnsAsync(string type)
    {
        using CliProcess holder = await _sandbox.HoldAsync("orders/42", "touch @STARTED; echo $LOCK_FENCING_TOKEN; read line; exit 3");
        await holder.SeesAsync("\n");
        long first = long.Parse(holder.OutputSoFar, CultureInfo.InvariantCulture);
        Assert.Equal(1, (await _sandbox.RunAsync("run", "-n", "orders/42", "--", "true")).Code);
        Assert.Equal(9, await WaitInVainAsync());
        JsonElement shown = JsonSerializer.Deserialize<JsonElement>((await _sandbox.RunAsync("show", "orders/42", "--json")).Output);
        Assert.Equal((true, first), (shown.GetProperty("held").GetBoolean(), shown.GetProperty("fencingToken").GetInt64()));
        Assert.Contains("orders/42", (await _sandbox.RunAsync("ls", "orders/")).Output, StringComparison.Ordinal);

        using CliProcess waiter = _sandbox.Start("run", "-w", "10m", "orders/42", "--", "sh", "-c", "echo $LOCK_FENCING_TOKEN");
        waiter.CloseInput();
        await holder.WriteAsync("go\n");
        Assert.Equal((type, 3), (type, (await holder.ResultAsync()).Code));
        CliResult result = await waiter.ResultAsync();
        Assert.Equal((0, ""), (result.Code, result.Error));
        Assert.True(long.Parse(result.Output, CultureInfo.InvariantCulture) > first);
        return shown.GetProperty("id").GetString()!;
    }

    /// <summary>The wait that is over. On a busy machine a short one may end before the backend has said anything, which is 69: then a
    /// longer one.</summary>
    private async Task<int> WaitInVainAsync()
    {
        int code = 69;
        foreach (string wait in (string[])["0.2s", "2s", "20s", "5m"])
        {
            if (code == 69)
                code = (await _sandbox.RunAsync("run", "-w", wait, "-E", "9", "orders/42", "--", "true")).Code;
        }

        return code;
    }

    /// <summary>Where the lease is long, only a notice ends the command so soon. MongoDB and PostgreSQL tell nobody: the next renewal
    /// does.</summary>
    private async Task RunEndsWhenForcedAsync(string ttl)
    {
        using CliProcess holder = await _sandbox.HoldAsync("forced", "touch @STARTED; sleep 300", "--ttl", ttl);
        Assert.Equal(0, (await _sandbox.RunAsync("release", "forced", "--force")).Code);
        Assert.Equal(75, (await holder.ResultAsync()).Code);
    }

    /// <summary>What the commands did is on these servers, and on no other.</summary>
    private async Task AssertOnlyUsedAsync(int[] used)
    {
        for (int i = 0; i < _servers.Count; i++)
        {
            Assert.Equal(Array.IndexOf(used, i) >= 0, (long)(await _servers[i].CommandAsync("DBSIZE"))! > 0);
            await _servers[i].CommandAsync("FLUSHALL");
        }
    }

    private async Task StartAsync(string type, params string[] arguments)
    {
        for (int i = 0; i < (type == "redis" ? 1 : 3); i++)
            _servers.Add(await RedisServer.StartAsync(arguments));
        List<string> ports = _servers.Select(
            static server => $$"""{"host":"127.0.0.1","port":{{server.Port.ToString(CultureInfo.InvariantCulture)}}}""").ToList();
        _sandbox.Config = type == "redis"
            ? $$"""{"type":"redis","connection":{{ports[0]}} }"""
            : $$"""{"type":"redLock","connection":{"endpoints":[{{string.Join(',', ports)}}]} }""";
    }
}
