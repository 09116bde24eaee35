using System.Globalization;

namespace Locking.Cli.Tests.Running;

public sealed class SignalTests : IAsyncLifetime
{
    private readonly Sandbox _sandbox = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _sandbox.DisposeAsync();

    [Theory]
    [InlineData("INT", 2)]
    [InlineData("TERM", 15)]
    [InlineData("HUP", 1)]
    [InlineData("QUIT", 3)]
    [InlineData("USR1", 10)]
    [InlineData("USR2", 12)]
    [InlineData("WINCH", 28)]
    public async Task A_signal_goes_to_the_command(string name, int signal)
    {
        using CliProcess process = await _sandbox.HoldAsync(
            "k", $"trap 'echo got {name}; exit 5' {name}; touch @STARTED; while :; do sleep 0.05; done");
        process.Signal(signal);

        // On standard error the shell may say that its sleep was ended as well.
        CliResult result = await process.ResultAsync();
        Assert.Equal((5, $"got {name}\n"), (result.Code, result.Output));
    }

    [Fact]
    public async Task A_signal_goes_to_all_that_the_command_has_started()
    {
        using CliProcess process = await _sandbox.HoldAsync("k", $"sleep 100 & echo $! > {_sandbox.PathOf("pid")}; touch @STARTED; wait");
        int grandchild = ReadPid("pid");
        process.Signal(Signals.Terminate);
        Assert.Equal(128 + 15, (await process.ResultAsync()).Code);
        await Eventually.TrueAsync(() => !Sandbox.IsAlive(grandchild), "the grandchild to end");
    }

    [Theory]
    [InlineData(2)]
    [InlineData(15)]
    [InlineData(1)]
    public async Task A_signal_while_waiting_gives_up_the_place(int signal)
    {
        using CliProcess holder = await _sandbox.HoldAsync("k", "touch @STARTED; read x; exit 0");
        using CliProcess waiter = _sandbox.Start("run", "k", "--", "echo", "ran");
        await WaiterIsQueuedAsync(waiter);
        waiter.Signal(signal);
        Assert.Equal(new CliResult(128 + signal, "", ""), await waiter.ResultAsync());
        await holder.WriteAsync("\n");
        Assert.Equal(0, (await holder.ResultAsync()).Code);
        Assert.Equal("next\n", (await _sandbox.RunAsync("run", "-w", "10m", "k", "--", "echo", "next")).Output);
    }

    [Fact]
    public async Task Killed_while_waiting_it_leaves_no_place_in_the_queue()
    {
        using CliProcess holder = await _sandbox.HoldAsync("k", "touch @STARTED; read x; exit 0", "--ttl", "10m");
        using CliProcess waiter = _sandbox.Start("run", "--ttl", "10m", "k", "--", "echo", "ran");
        await WaiterIsQueuedAsync(waiter);
        await Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System);
        waiter.Signal(Signals.Kill);
        Assert.Equal(128 + 9, (await waiter.ResultAsync()).Code);
        await holder.WriteAsync("\n");
        Assert.Equal(0, (await holder.ResultAsync()).Code);
        Assert.Equal("next\n", (await _sandbox.RunAsync("run", "-w", "10m", "k", "--", "echo", "next")).Output);
    }

    [Fact]
    public async Task A_command_that_ignores_TERM_keeps_the_lock_until_it_ends()
    {
        using CliProcess process = await _sandbox.HoldAsync(
            "k", "trap 'echo no >> said' TERM; touch @STARTED; while [ ! -e end ]; do sleep 0.05; done; exit 4");
        process.Signal(Signals.Terminate);
        await Eventually.TrueAsync(() => File.Exists(_sandbox.PathOf("said")), "the first TERM to arrive");
        process.Signal(Signals.Terminate);
        await Eventually.TrueAsync(() => File.ReadAllLines(_sandbox.PathOf("said")).Length == 2, "the second TERM to arrive");
        Assert.Equal(1, (await _sandbox.RunAsync("run", "-n", "k", "--", "true")).Code);
        await File.WriteAllTextAsync(_sandbox.PathOf("end"), "");
        Assert.Equal(4, (await process.ResultAsync()).Code);
    }

    [Fact]
    public async Task What_nohup_wants_ignored_stays_ignored()
    {
        using CliProcess process = _sandbox.StartProgram(
            "/bin/sh",
            "-c",
            $"trap '' HUP; exec {Published.Program} run k -- sh -c 'touch on; while [ ! -e end ]; do sleep 0.05; done; echo lived'");
        await Eventually.TrueAsync(() => File.Exists(_sandbox.PathOf("on")), "the command to start");
        process.Signal(Signals.Hangup);
        Assert.Equal(1, (await _sandbox.RunAsync("run", "-n", "k", "--", "true")).Code);
        await File.WriteAllTextAsync(_sandbox.PathOf("end"), "");
        Assert.Equal(new CliResult(0, "lived\n", ""), await process.ResultAsync());
    }

    [Fact]
    public async Task The_command_has_default_signals_and_no_descriptors_of_ours()
    {
        CliResult result = await _sandbox.RunAsync(
            "run", "k", "--", "sh", "-c", "grep -E '^Sig(Blk|Ign)' /proc/self/status; ls /proc/self/fd | tr '\\n' ' '");
        string[] lines = result.Output.Split('\n');
        Assert.Equal(0UL, Mask(lines[0]));

        // 32 and 33 are the C library's own, which no program can see.
        Assert.Equal(0UL, Mask(lines[1]) & ~0x180000000UL);

        // The same ones as without us: ls's own, and whatever the tests themselves were started with.
        using CliProcess plain = _sandbox.StartProgram("/bin/sh", "-c", "ls /proc/self/fd | tr '\\n' ' '");
        Assert.Equal((await plain.ResultAsync()).Output, lines[2]);
    }

    [Fact]
    public async Task Killed_itself_its_command_is_dead_before_anybody_else_has_the_lock()
    {
        string heart = _sandbox.PathOf("heart");
        string script = $"trap '' TERM HUP INT; (trap '' TERM HUP; while :; do date +%s%N > {heart}; sleep 0.01; done) & "
            + $"echo $$ > {_sandbox.PathOf("pid")}; echo $! > {_sandbox.PathOf("pid2")}; touch @STARTED; while :; do sleep 0.05; done";
        using CliProcess process = await _sandbox.HoldAsync("k", script);
        using CliProcess next = _sandbox.Start(
            "run", "k", "--", "sh", "-c",
            "for p in $(cat pid pid2); do grep -E '^State' /proc/$p/status 2> /dev/null | grep -qv Z && echo alive $p; done; echo done");
        await WaiterIsQueuedAsync(next);
        process.Signal(Signals.Kill);
        Assert.Equal(new CliResult(0, "done\n", ""), await next.ResultAsync());
    }

    [Fact]
    public async Task Killed_itself_with_a_command_that_left_its_group_the_command_is_found_by_its_lock()
    {
        using CliProcess process = await _sandbox.HoldAsync(
            "k", $"setsid sh -c 'echo $$ > {_sandbox.PathOf("pid")}; touch @STARTED; while :; do sleep 0.05; done' & wait");
        int stray = ReadPid("pid");
        process.Signal(Signals.Kill);
        Assert.Equal(0, (await _sandbox.RunAsync("run", "k", "--", "true")).Code);
        Assert.False(Sandbox.IsAlive(stray));
    }

    [Fact]
    public async Task Killed_before_it_could_tell_its_watcher_the_command_is_found_by_its_lock()
    {
        await using ILock locks = Lock.Create(LockConfig.Parse(
            _sandbox.Config.Replace("\"path\"", "\"launch\":true,\"path\"", StringComparison.Ordinal)), providers: [Provider()]);
        ILockHandle handle = await locks.LockAsync("k", new LockOptions { KeepOnDisconnect = true, Ttl = TimeSpan.FromMinutes(5) });
        using CliProcess command = _sandbox.StartProgram("/usr/bin/env", $"LOCK_ID={handle.Id}", "sleep", "100");

        // The pipe closes although nothing was ever written: as after a kill between the two steps.
        Locking.Watcher.Start(handle, _sandbox.Config).Dispose();
        Assert.Equal(128 + 9, (await command.ResultAsync()).Code);
        Assert.Equal(0, (await _sandbox.RunAsync("run", "-w", "30", "k", "--", "true")).Code);
    }

    [Fact]
    public async Task Killed_together_with_its_watcher_the_lock_stands_until_its_ttl()
    {
        using CliProcess process = await _sandbox.HoldAsync("k", "touch @STARTED; exec sleep 1000", "--ttl", "10m");
        int watcher = Watcher();
        int command = _sandbox.Processes().Single(p => p.CommandLine.StartsWith("sleep 1000", StringComparison.Ordinal)).Pid;
        Assert.Equal(0, LibC.kill(watcher, Signals.Kill));
        process.Signal(Signals.Kill);
        await Eventually.TrueAsync(() => !Sandbox.IsAlive(process.Pid), "it to end");
        Assert.Equal(1, (await _sandbox.RunAsync("run", "-n", "k", "--", "true")).Code);
        await using (ILock locks = Lock.Create(LockConfig.Parse(_sandbox.Config)))
        {
            LockInfo held = (await locks.GetAsync("k"))!;
            Assert.InRange(held.Remaining, TimeSpan.FromTicks(1), TimeSpan.FromMinutes(10));
            Assert.Equal(UnlockOutcome.Released, await locks.UnlockAsync("k", held.Id));
        }

        Assert.Equal(0, LibC.kill(command, Signals.Kill));
    }

    [Fact]
    public async Task The_watcher_keeps_nothing_open_that_its_caller_had_open()
    {
        // Descriptors of one digit are not all: 200 is what the manual of flock uses.
        using CliProcess process = _sandbox.StartProgram(
            "bash",
            "-c",
            $"exec 9> nine 200> twohundred; exec {Published.Program} run k -- "
            + "sh -c 'ls /proc/self/fd | tr \"\\n\" \" \"; touch on; read x'");
        await Eventually.TrueAsync(() => File.Exists(_sandbox.PathOf("on")), "the command to start");
        IOrderedEnumerable<string?> held = Directory.EnumerateFiles($"/proc/{Watcher().ToString(CultureInfo.InvariantCulture)}/fd").Select(
            Path.GetFileName).Order();
        Assert.Equal(["0", "1", "2"], held);

        // The command itself has them, as without us.
        await process.SeesAsync("200 ");
        Assert.Superset(new HashSet<string> { "9", "200" }, process.OutputSoFar.Split(' ').ToHashSet());
    }

    private int Watcher() => _sandbox.Processes().Single(p => p.CommandLine.StartsWith("/bin/sh -c trap", StringComparison.Ordinal)).Pid;

    private static ulong Mask(string line) => ulong.Parse(line.Split('\t')[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    private static BrokerLockProvider Provider() =>
        new() { Launcher = new BrokerLauncher { Command = [Published.Program, "broker", "--launched"] } };

    private int ReadPid(string name) => int.Parse(File.ReadAllText(_sandbox.PathOf(name)), CultureInfo.InvariantCulture);

    /// <summary>There is no way to ask a broker for its waiters; the waiter is connected when its socket is.</summary>
    private static Task WaiterIsQueuedAsync(CliProcess waiter) => Eventually.TrueAsync(
        () => Directory.EnumerateFiles($"/proc/{waiter.Pid.ToString(CultureInfo.InvariantCulture)}/fd")
            .Any(f => new FileInfo(f).LinkTarget?.StartsWith("socket:", StringComparison.Ordinal) == true),
        "the waiter to connect");
}
