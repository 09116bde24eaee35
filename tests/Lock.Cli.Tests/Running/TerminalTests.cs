namespace Locking.Cli.Tests.Running;

/// <summary>In front of a terminal: an interactive shell in a pseudo terminal, made by <c>script</c>, which every system has.</summary>
public sealed class TerminalTests : IAsyncLifetime
{
    private const string Interrupt = "\u0003";
    private const string Suspend = "\u001a";

    private readonly Sandbox _sandbox = new();
    private CliProcess? _shell;

    private CliProcess Shell => _shell!;

    public async Task InitializeAsync()
    {
        // A prompt and marks that the echo of what is typed cannot be taken for.
        await File.WriteAllTextAsync(_sandbox.PathOf(
            "rc"), $"PS1='ready> '\nlock() {{ {Published.Program} \"$@\"; }}\nset +o history\nbind 'set enable-bracketed-paste off'\n");
        _shell = _sandbox.StartProgram("script", "-qfec", $"bash --rcfile {_sandbox.PathOf("rc")} -i", "/dev/null");
        await Shell.SeesAsync("ready> ");
    }

    public async Task DisposeAsync() => await _sandbox.DisposeAsync();

    [Fact]
    public async Task Interrupt_from_the_keyboard_ends_the_command_and_a_loop_around_it()
    {
        await Shell.WriteAsync("for i in 1 2 3; do lock run k -- sh -c 'echo star\"\"ted-'$i'; sleep 100'; done; echo over=$?\n");
        await Shell.SeesAsync("started-1");
        await Shell.WriteAsync(Interrupt);
        await Shell.WriteAsync("\necho rc=$?\n");
        await Shell.SeesAsync("rc=130");
        Assert.DoesNotContain("started-2", Shell.OutputSoFar, StringComparison.Ordinal);
        Assert.Equal(0, (await _sandbox.RunAsync("run", "-n", "k", "--", "true")).Code);
    }

    [Fact]
    public async Task The_command_reads_the_terminal()
    {
        await Shell.WriteAsync("lock run k -- sh -c 'echo as\"\"king; read line; echo got=$line'\n");
        await Shell.SeesAsync("asking");
        await Shell.WriteAsync("something\n");
        await Shell.SeesAsync("got=something");
        await Shell.WriteAsync("echo shell\"\"-is-back\n");
        await Shell.SeesAsync("shell-is-back");
    }

    [Fact]
    public async Task The_command_reads_the_terminal_from_within_a_pipeline()
    {
        await Shell.WriteAsync("lock run k -- sh -c 'echo as\"\"king; read line </dev/tty; echo got=$line' | sed s/^/out:/\n");
        await Shell.SeesAsync("out:asking");
        await Shell.WriteAsync("something\n");
        await Shell.SeesAsync("out:got=something");
        await Shell.WriteAsync("echo shell\"\"-is-back\n");
        await Shell.SeesAsync("shell-is-back");
    }

    [Fact]
    public async Task Suspended_from_the_keyboard_the_shell_takes_over_and_fg_goes_on()
    {
        await Shell.WriteAsync("lock run k -- sh -c 'echo as\"\"king; read line; echo got=$line'\n");
        await Shell.SeesAsync("asking");
        await Shell.WriteAsync(Suspend);
        await Shell.SeesAsync("Stopped");
        await Shell.WriteAsync("echo shell\"\"-has-it\n");
        await Shell.SeesAsync("shell-has-it");
        await BringToFrontAsync();
        await Shell.WriteAsync("something\n");
        await Shell.SeesAsync("got=something");
        await Shell.WriteAsync("echo rc=$?\n");
        await Shell.SeesAsync("rc=0");
    }

    /// <summary>What we say comes from the background then, which would stop us before the command is told.</summary>
    [Fact]
    public async Task On_a_terminal_that_stops_who_writes_from_behind_a_lost_lock_is_told()
    {
        await Shell.WriteAsync("stty tostop; lock run --ttl 30s --grace 10m k -- sh -c 'trap \"echo to\"\"ld; exit\" TERM; echo on; read line'\n");
        await Shell.SeesAsync("on\r\n");
        Assert.Equal(0, (await _sandbox.RunAsync("release", "--force", "k")).Code);
        await Shell.SeesAsync("told\r\n");
        await Shell.SeesAsync("was lost");
        await Shell.WriteAsync("echo rc=$?\n");
        await Shell.SeesAsync("rc=75");
    }

    [Fact]
    public async Task Suspended_past_its_ttl_the_command_does_not_go_on()
    {
        // It starts nothing itself: dash, stopped in the middle of a vfork, is not stopped, and no shell sees Ctrl-Z take effect then.
        await Shell.WriteAsync("lock run --ttl 30s --grace 10m k -- sh -c 'trap \"echo to\"\"ld; exit\" TERM; echo on; read line'\n");
        await Shell.SeesAsync("on\r\n");
        await Shell.WriteAsync(Suspend);
        await Shell.SeesAsync("Stopped");
        Assert.Equal(0, (await _sandbox.RunAsync("run", "-w", "10m", "k", "--", "true")).Code);
        await Shell.WriteAsync("fg\n");
        await Shell.SeesAsync("told\r\n");
        await Shell.WriteAsync("echo rc=$?\n");
        await Shell.SeesAsync("rc=75");
    }

    [Fact]
    public async Task Started_in_the_background_and_brought_to_the_front_it_gets_the_terminal()
    {
        await Shell.WriteAsync("lock run k -- sh -c 'echo go\"\"ing; read line; echo got=$line' &\n");
        await Shell.SeesAsync("going");
        await BringToFrontAsync();
        await Shell.WriteAsync("something\n");
        await Shell.SeesAsync("got=something");
    }

    /// <summary>After the line that names the job, the shell reads nothing more: what is typed then waits for the command.</summary>
    private async Task BringToFrontAsync()
    {
        int before = Shell.OutputSoFar.Length;
        await Shell.WriteAsync("fg\n");
        await Eventually.TrueAsync(
            () => Shell.OutputSoFar[before..].Count(static c => c == '\n') >= 2, () =>
                $"the job's line; the output is:\n{Shell.OutputSoFar}");
    }
}
