using System.Globalization;

namespace Locking.Cli.Tests.Running;

public sealed class RunTests : IAsyncLifetime
{
    private readonly Sandbox _sandbox = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _sandbox.DisposeAsync();

    [Theory]
    [InlineData("exit 0", 0)]
    [InlineData("exit 7", 7)]
    [InlineData("exit 255", 255)]
    [InlineData("kill -TERM $$", 128 + 15)]
    [InlineData("kill -KILL $$", 128 + 9)]
    [InlineData("kill -INT $$", 128 + 2)]
    public async Task The_exit_code_is_the_commands_own(string script, int code)
    {
        CliResult result = await _sandbox.RunAsync("run", "k", "--", "sh", "-c", script);
        Assert.Equal(code, result.Code);
        Assert.Empty(result.Error);
    }

    [Fact]
    public async Task The_command_knows_its_lock()
    {
        CliResult result = await _sandbox.RunAsync(
            "run", "--ns", "shop", "k", "--", "sh", "-c", "echo \"$LOCK_KEY|$LOCK_ID|$LOCK_FENCING_TOKEN|$LOCK_OWNER\"");
        string[] parts = result.Output.TrimEnd().Split('|');
        Assert.Equal("shop:k", parts[0]);
        Assert.True(Guid.TryParse(parts[1], out _));
        Assert.True(long.Parse(parts[2], CultureInfo.InvariantCulture) > 0);
        Assert.StartsWith(Environment.MachineName, parts[3], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Input_output_error_and_arguments_reach_the_command_unchanged()
    {
        CliProcess process = _sandbox.Start("run", "k", "--", "sh", "-c", "cat; echo \"$1|$2\"; echo bad >&2", "sh", "two  words", "-n");
        await process.WriteAsync("line\n");
        process.CloseInput();
        CliResult result = await process.ResultAsync();
        Assert.Equal(new CliResult(0, "line\ntwo  words|-n\n", "bad\n"), result);
    }

    [Fact]
    public async Task Bytes_that_are_not_utf8_reach_the_command_unchanged()
    {
        string script = _sandbox.PathOf("bytes.sh");
        await File.WriteAllTextAsync(script, """
            ODD=$(printf 'env-\377') && export ODD
            exec "$1" run k -- sh -c 'printf "%s %s" "$1" "$ODD" | od -An -tx1' sh "$(printf 'a\376b')"
            """);
        CliResult result = await RunShellAsync(script, Published.Program);
        Assert.Equal("61 fe 62 20 65 6e 76 2d ff", result.Output.Trim());
    }

    [Fact]
    public async Task A_missing_command_is_127_and_one_that_cannot_be_executed_126()
    {
        Assert.Equal(127, (await _sandbox.RunAsync("run", "k", "--", "no-such-command-here")).Code);
        Assert.Equal(127, (await _sandbox.RunAsync("run", "k", "--", "/no/such/file")).Code);
        string file = _sandbox.PathOf("plain");
        await File.WriteAllTextAsync(file, "echo hi");
        Assert.Equal(126, (await _sandbox.RunAsync("run", "k", "--", "/etc")).Code);
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        CliResult result = await _sandbox.RunAsync("run", "k", "--", file);
        Assert.Equal(126, result.Code);
        Assert.Contains("cannot be executed", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_script_without_a_first_line_is_run_by_the_shell()
    {
        string file = _sandbox.PathOf("plain");
        await File.WriteAllTextAsync(file, "echo \"ran $1\"");
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        Assert.Equal("ran x\n", (await _sandbox.RunAsync("run", "k", "--", file, "x")).Output);
    }

    [Fact]
    public async Task A_busy_lock_is_1_or_what_E_says_without_a_word()
    {
        using CliProcess holder = await _sandbox.HoldAsync("k", "touch @STARTED; read x");
        Assert.Equal(new CliResult(1, "", ""), await _sandbox.RunAsync("run", "-n", "k", "--", "echo", "ran"));
        Assert.Equal(9, (await _sandbox.RunAsync("run", "-n", "-E", "9", "k", "--", "echo", "ran")).Code);
        long start = TimeProvider.System.GetTimestamp();
        Assert.Equal(new CliResult(1, "", ""), await _sandbox.RunAsync("run", "-w", "0.3", "k", "--", "echo", "ran"));
        Assert.True(TimeProvider.System.GetElapsedTime(start) >= TimeSpan.FromMilliseconds(300));
        holder.CloseInput();
        Assert.Equal(1, (await holder.ResultAsync()).Code);
        Assert.Equal("ran\n", (await _sandbox.RunAsync("run", "-n", "k", "--", "echo", "ran")).Output);
    }

    [Fact]
    public async Task Ten_processes_start_one_broker_and_take_turns_with_rising_tokens()
    {
        string log = _sandbox.PathOf("log");
        string script = $"echo \"in $LOCK_FENCING_TOKEN\" >> {log}; sleep 0.02; echo \"out $LOCK_FENCING_TOKEN\" >> {log}";
        List<CliProcess> processes = Enumerable.Range(0, 10).Select(
            _ => _sandbox.Start("run", "counter", "--", "sh", "-c", script)).ToList();
        foreach (CliProcess? process in processes)
            Assert.Equal(new CliResult(0, "", ""), await process.ResultAsync());
        Assert.Single(_sandbox.Brokers());

        string[] lines = await File.ReadAllLinesAsync(log);
        Assert.Equal(20, lines.Length);
        long last = 0;
        for (int i = 0; i < lines.Length; i += 2)
        {
            long token = long.Parse(lines[i].Split(' ')[1], CultureInfo.InvariantCulture);
            Assert.Equal(($"in {token}", $"out {token}"), (lines[i], lines[i + 1]));
            Assert.True(token > last);
            last = token;
        }
    }

    [Fact]
    public async Task Two_commands_with_different_keys_run_at_once()
    {
        using CliProcess first = await _sandbox.HoldAsync("a", "touch @STARTED; read x");
        using CliProcess second = await _sandbox.HoldAsync("b", "touch @STARTED; read x");
        Assert.False(first.HasExited);
    }

    [Fact]
    public async Task The_lease_is_renewed_while_the_command_runs()
    {
        using CliProcess holder = await _sandbox.HoldAsync("k", "touch @STARTED; read x; exit 0", "--ttl", "30s");
        await using (ILock locks = Lock.Create(LockConfig.Parse(_sandbox.Config)))
            await Sandbox.RenewalAsync(locks, "k");
        Assert.Equal(1, (await _sandbox.RunAsync("run", "-n", "k", "--", "true")).Code);
        await holder.WriteAsync("\n");
        Assert.Equal(0, (await holder.ResultAsync()).Code);
    }

    [Fact]
    public async Task The_root_script_runs_the_same_program()
    {
        using CliProcess process = _sandbox.StartProgram(Published.Script, "run", "k", "--", "sh", "-c", "echo $LOCK_KEY; exit 3");
        process.CloseInput();
        Assert.Equal(new CliResult(3, "k\n", ""), await process.ResultAsync());
    }

    [Fact]
    public async Task Verbose_says_which_backend_and_who_holds_the_lock()
    {
        using CliProcess holder = await _sandbox.HoldAsync("k", "touch @STARTED; read x");
        CliResult result = await _sandbox.RunAsync("run", "-n", "--verbose", "k", "--", "echo", "ran");
        Assert.Equal((1, ""), (result.Code, result.Output));
        Assert.Contains("lock: the backend is broker, as LOCK_CONFIG says.\n", result.Error, StringComparison.Ordinal);
        Assert.Contains($"lock: 'k' was not acquired: it is held by {Environment.MachineName}/", result.Error, StringComparison.Ordinal);
        CliResult taken = await _sandbox.RunAsync("run", "--verbose", "other", "--config", _sandbox.Config, "--", "echo", "ran");
        Assert.Equal((0, "ran\n"), (taken.Code, taken.Output));
        Assert.Contains("the backend is broker, as --config says.", taken.Error, StringComparison.Ordinal);
        Assert.Contains("'other' was taken after ", taken.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_ignores_the_end_of_children_still_gets_the_exit_code()
    {
        // Also the broker, which is started by a shell that is waited for.
        CliResult result = await RunShellAsync("-c", $"trap '' CHLD; exec {Published.Program} run k -- sh -c 'exit 3'");
        Assert.Equal(new CliResult(3, "", ""), result);
    }

    private async Task<CliResult> RunShellAsync(params string[] words)
    {
        using CliProcess process = _sandbox.StartProgram("/bin/sh", words);
        process.CloseInput();
        return await process.ResultAsync();
    }
}
