namespace Locking.Cli.Tests.Running;

/// <summary>What is left for process 1 to clear away. Not beside other tests: their orphans would come here too.</summary>
[Collection("orphans")]
public sealed class OrphanTests : IAsyncLifetime
{
    private readonly Sandbox _sandbox = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _sandbox.DisposeAsync();

    [Fact]
    public async Task Nothing_is_left_to_be_reaped_by_others()
    {
        using var one = new ProcessOne();
        for (int i = 0; i < 10; i++)
            Assert.Equal(new CliResult(0, "", ""), await _sandbox.RunAsync("run", "k", "--", "true"));

        // However it ends but by KILL: the command missing, ended by a signal, busy, lost.
        string script = _sandbox.PathOf("script");
        await File.WriteAllTextAsync(script, "#!/no/such/interpreter\n");
        File.SetUnixFileMode(script, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        Assert.Equal(127, (await _sandbox.RunAsync("run", "k", "--", script)).Code);
        Assert.Equal(128 + 15, (await _sandbox.RunAsync("run", "k", "--", "sh", "-c", "kill -TERM $$")).Code);
        using (CliProcess holder = await _sandbox.HoldAsync("k", "touch @STARTED; read x"))
        {
            Assert.Equal(1, (await _sandbox.RunAsync("run", "-n", "k", "--", "true")).Code);
            Assert.Equal(0, (await _sandbox.RunAsync("release", "k", "--force")).Code);
            Assert.Equal(75, (await holder.ResultAsync()).Code);
        }

        Assert.Empty(one.Unreaped());
    }

    [Fact]
    public async Task A_watcher_that_somebody_has_stopped_holds_up_nobody()
    {
        using CliProcess holder = await _sandbox.HoldAsync("k", "touch @STARTED; read x; exit 4");
        int watcher = _sandbox.Processes().Single(p => p.CommandLine.StartsWith("/bin/sh -c trap", StringComparison.Ordinal)).Pid;
        Assert.Equal(0, LibC.kill(watcher, Signals.Stop));
        await holder.WriteAsync("\n");
        Assert.Equal(4, (await holder.ResultAsync()).Code);
        Assert.False(Sandbox.IsAlive(watcher));
    }
}

[CollectionDefinition("orphans", DisableParallelization = true)]
public sealed class OrphanGroup;
