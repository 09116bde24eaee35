namespace Locking.Cli.Tests.Commands;

public sealed class BadInputTests : IAsyncLifetime
{
    private readonly Sandbox _sandbox = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _sandbox.DisposeAsync();

    [Theory]
    [InlineData("a command is missing")]
    [InlineData("'rum' is no command. Did you mean run?", "rum")]
    [InlineData("'--config' comes before the command: options follow it, as in lock ls --config @lock.json.", "--config", "{}", "ls")]
    [InlineData("KEY is missing", "run")]
    [InlineData("the command is missing", "run", "k")]
    [InlineData("the command is missing", "run", "k", "--")]
    [InlineData("Put -- before the command", "run", "k", "true")]
    [InlineData("Did you mean --ttl?", "run", "--tll", "1s", "k", "--", "true")]
    [InlineData("--ttl: '0' is not allowed", "run", "--ttl", "0", "k", "--", "true")]
    [InlineData("--ttl: '-5s' is not allowed", "run", "--ttl=-5s", "k", "--", "true")]
    [InlineData("--ttl: 'soon' is not allowed", "run", "--ttl", "soon", "k", "--", "true")]
    [InlineData("--ttl: '30' is not allowed: 30s or 30ms? A time needs its unit.", "run", "--ttl", "30", "k", "--", "true")]
    [InlineData("--ttl: '30' is not allowed: 30s or 30ms?", "acquire", "k", "--ttl", "30")]
    [InlineData("--ttl: '0.5' is not allowed: 0.5s or 0.5ms?", "extend", "k", "--id", "x", "--ttl", "0.5")]
    [InlineData("--wait: '10' is not allowed: 10s or 10ms?", "acquire", "k", "--wait", "10")]
    [InlineData("--grace: '5' is not allowed: 5s or 5ms?", "run", "--grace", "5", "k", "--", "true")]
    [InlineData("--idle-exit: '600' is not allowed: 600s or 600ms?", "broker", "--idle-exit", "600")]
    [InlineData("--duration: '5' is not allowed: 5s or 5ms?", "bench", "-d", "5")]
    [InlineData(
        "--wait: '1x' is not allowed; it takes a time such as 30s, 200ms, 5m, 1h or a number of seconds",
        "run", "-w", "1x", "k", "--", "true")]
    [InlineData("--wait: 'x' is not allowed", "run", "-w", "x", "k", "--", "true")]
    [InlineData("-E: '256' is not allowed", "run", "-E", "256", "k", "--", "true")]
    [InlineData("-n and -w exclude each other", "run", "-n", "-w", "1", "k", "--", "true")]
    [InlineData("--ttl is given twice", "run", "--ttl", "1s", "--ttl", "2s", "k", "--", "true")]
    [InlineData("--no-wait takes no value", "run", "--no-wait=1", "k", "--", "true")]
    [InlineData("--ttl needs a value", "acquire", "k", "--ttl")]
    [InlineData("KEY is empty", "run", "", "--", "true")]
    [InlineData(
        "--ns: '' is not allowed; it takes a name of at least one character; without --ns the key is global.", "acquire", "--ns", "", "k")]
    [InlineData("--ns: '' is not allowed", "run", "--ns=", "k", "--", "true")]
    [InlineData("--ns: '' is not allowed", "ls", "--ns", "")]
    [InlineData("one argument too many", "show", "a", "b")]
    [InlineData("give either --id ID or --force", "release", "k")]
    [InlineData("give either --id ID or --force", "release", "k", "--id", "x", "--force")]
    [InlineData("--id ID is missing", "extend", "k", "--ttl", "1s")]
    [InlineData("--ttl TIME is missing", "extend", "k", "--id", "x")]
    [InlineData("--secret-file", "broker", "--secret-file", "/no/such/file")]
    [InlineData("give a secret", "broker", "--host", "0.0.0.0", "--port", "0")]
    [InlineData("no shell that is known", "completion", "tcsh")]
    [InlineData("inMemory locks end with the process", "show", "k", "--config", "{\"type\":\"inMemory\"}")]
    [InlineData("type: no backend is chosen. Allowed here: broker, redis, redLock, mongo", "show", "k", "--config", "{}")]
    [InlineData("lockOptions.tll", "show", "k", "--config", "{\"type\":\"broker\",\"lockOptions\":{\"tll\":1}}")]
    [InlineData("JSON", "show", "k", "--config", "{type")]
    [InlineData("The JSON ended early, at position 16", "show", "k", "--config", "{\"type\":\"broker\"")]
    [InlineData("no-such.json", "show", "k", "--config", "@no-such.json")]
    [InlineData("There is no provider", "show", "k", "--config", "{\"type\":\"zookeeper\"}")]
    public async Task Bad_usage_is_64_and_says_what_is_wrong(string message, params string[] words)
    {
        CliResult result = await _sandbox.RunAsync(words);
        Assert.Equal((64, ""), (result.Code, result.Output));
        Assert.StartsWith("lock: ", result.Error, StringComparison.Ordinal);
        Assert.Contains(message, result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("(Parameter", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_key_of_more_than_1024_bytes_is_bad_usage()
    {
        Assert.Equal(0, (await _sandbox.RunAsync("run", new string('k', 1024), "--", "true")).Code);
        Assert.Equal(64, (await _sandbox.RunAsync("run", new string('k', 1023) + "é", "--", "true")).Code);
    }

    [Fact]
    public async Task A_backend_that_is_not_there_is_69()
    {
        _sandbox.Config = $$"""{"type":"broker","connection":{"path":"{{_sandbox.Socket}}","launch":false} }""";
        string[][] commands = [["run", "k", "--", "true"], ["acquire", "k"], ["show", "k"], ["ls"], ["release", "k", "--force"]];
        foreach (string[] words in commands)
        {
            CliResult result = await _sandbox.RunAsync(words);
            Assert.Equal((69, ""), (result.Code, result.Output));
            Assert.Contains(_sandbox.Socket, result.Error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_socket_directory_that_others_can_enter_is_refused()
    {
        string open = Directory.CreateDirectory(_sandbox.PathOf("open")).FullName;
        File.SetUnixFileMode(open, (UnixFileMode)0b111_111_111);
        CliResult result = await RunAtAsync(open);
        Assert.Equal(69, result.Code);
        Assert.Contains("open to other users", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_socket_directory_of_somebody_else_is_refused()
    {
        // The root directory is root's; root itself makes one for somebody else.
        string foreign = "/";
        if (Environment.IsPrivilegedProcess)
        {
            foreign = Directory.CreateDirectory(_sandbox.PathOf("foreign")).FullName;
            Assert.Equal(0, (await ResultOfAsync("chown", "12345", foreign)).Code);
        }

        CliResult result = await RunAtAsync(foreign);
        Assert.Equal(69, result.Code);
        Assert.Contains("belongs to user", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_socket_directory_that_cannot_be_written_is_69()
    {
        await File.WriteAllTextAsync(_sandbox.PathOf("file"), "");
        CliResult result = await RunAtAsync(_sandbox.PathOf("file"));
        Assert.Equal(69, result.Code);
        Assert.Contains(_sandbox.PathOf("file"), result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_socket_path_that_is_too_long_says_so()
    {
        CliResult result = await RunAtAsync(_sandbox.PathOf(new string('x', 120)));
        Assert.True(result.Code is 64 or 69, result.ToString());
        Assert.Contains("Unix socket", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_secret_in_the_configuration_is_never_shown()
    {
        const string secret = "hunter2-hunter2";
        _sandbox.Config = $$"""{"type":"broker","connection":{"path":"{{_sandbox.Socket}}","secret":"{{secret}}","launch":false} }""";
        Assert.DoesNotContain(secret, (await _sandbox.RunAsync("show", "k")).ToString(), StringComparison.Ordinal);
        _sandbox.Config = $$"""{"type":"broker","connection":{"path":"{{_sandbox.Socket}}","secret":"{{secret}}","prot":1} }""";
        Assert.DoesNotContain(secret, (await _sandbox.RunAsync("show", "k")).ToString(), StringComparison.Ordinal);
    }

    private Task<CliResult> RunAtAsync(string directory)
    {
        _sandbox.Config = $$"""{"type":"broker","connection":{"path":"{{Path.Combine(directory, "broker.sock")}}"} }""";
        return _sandbox.RunAsync("run", "k", "--", "true");
    }

    private async Task<CliResult> ResultOfAsync(string program, params string[] words)
    {
        using CliProcess process = _sandbox.StartProgram(program, words);
        process.CloseInput();
        return await process.ResultAsync();
    }
}
