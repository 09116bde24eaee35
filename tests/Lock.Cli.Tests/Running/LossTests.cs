using System.Globalization;

namespace Locking.Cli.Tests.Running;

public sealed class LossTests : IAsyncLifetime
{
    private readonly Sandbox _sandbox = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _sandbox.DisposeAsync();

    [Fact]
    public async Task A_lock_taken_by_force_ends_the_command_with_TERM_and_75()
    {
        using CliProcess process = await _sandbox.HoldAsync(
            "k", "trap 'echo told; exit 0' TERM; touch @STARTED; while :; do sleep 0.05; done", "--grace", "10m");
        Assert.Equal(0, (await _sandbox.RunAsync("release", "k", "--force")).Code);
        CliResult result = await process.ResultAsync();
        Assert.Equal((75, "told\n"), (result.Code, result.Output));
        Assert.Contains("'k' was lost (Forced)", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_command_that_ignores_TERM_is_killed_after_the_grace_with_all_that_it_started()
    {
        using CliProcess process = await _sandbox.HoldAsync(
            "k",
            $"trap '' TERM; sh -c 'while :; do sleep 0.05; done' & echo $! > {_sandbox.PathOf("pid")}; touch @STARTED; "
            + "while :; do sleep 0.05; done",
            "--grace", "300ms");
        int grandchild = int.Parse(await File.ReadAllTextAsync(_sandbox.PathOf("pid")), CultureInfo.InvariantCulture);
        long start = TimeProvider.System.GetTimestamp();
        Assert.Equal(0, (await _sandbox.RunAsync("release", "k", "--force")).Code);
        Assert.Equal(75, (await process.ResultAsync()).Code);
        Assert.True(TimeProvider.System.GetElapsedTime(start) >= TimeSpan.FromMilliseconds(300));
        await Eventually.TrueAsync(() => !Sandbox.IsAlive(grandchild), "the grandchild to end");
    }

    [Fact]
    public async Task What_the_command_leaves_behind_is_killed_after_the_grace()
    {
        using CliProcess process = await _sandbox.HoldAsync(
            "k",
            "sh -c 'trap \"\" TERM; echo $$ > pid; while :; do sleep 0.05; done' & "
            + "while [ ! -s pid ]; do sleep 0.01; done; touch @STARTED; wait",
            "--grace", "300ms");
        int grandchild = int.Parse(await File.ReadAllTextAsync(_sandbox.PathOf("pid")), CultureInfo.InvariantCulture);
        Assert.Equal(0, (await _sandbox.RunAsync("release", "k", "--force")).Code);
        Assert.Equal(75, (await process.ResultAsync()).Code);
        await Eventually.TrueAsync(() => !Sandbox.IsAlive(grandchild), "the grandchild to end");
    }

    [Fact]
    public async Task Stopped_past_its_ttl_it_ends_the_command_as_soon_as_it_goes_on()
    {
        using CliProcess process = await _sandbox.HoldAsync(
            "k", "trap 'echo told; exit 0' TERM; touch @STARTED; while :; do sleep 0.05; done", "--ttl", "30s", "--grace", "10m");
        process.Signal(Signals.Stop);
        Assert.Equal(0, (await _sandbox.RunAsync("run", "-w", "10m", "k", "--", "true")).Code);
        process.Signal(Signals.Continue);
        CliResult result = await process.ResultAsync();
        Assert.Equal((75, "told\n"), (result.Code, result.Output));
    }

    [Fact]
    public async Task A_stopped_command_is_ended_too()
    {
        using CliProcess process = await _sandbox.HoldAsync(
            "k", $"echo $$ > {_sandbox.PathOf("pid")}; touch @STARTED; while :; do sleep 0.05; done");
        int command = int.Parse(await File.ReadAllTextAsync(_sandbox.PathOf("pid")), CultureInfo.InvariantCulture);
        Assert.Equal(0, LibC.kill(-command, Signals.Stop));
        Assert.Equal(0, (await _sandbox.RunAsync("release", "k", "--force")).Code);
        Assert.Equal(75, (await process.ResultAsync()).Code);
    }

    [Fact]
    public async Task A_broker_that_is_killed_and_does_not_come_back_is_a_lost_lock()
    {
        _sandbox.Config = $$"""{"type":"broker","connection":{"path":"{{_sandbox.Socket}}","launch":false} }""";
        using CliProcess broker = _sandbox.Start("broker", "--path", _sandbox.Socket, "--json");
        await broker.SeesAsync("listening");
        using CliProcess process = await _sandbox.HoldAsync(
            "k", "trap 'echo told; exit 0' TERM; touch @STARTED; while :; do sleep 0.05; done", "--ttl", "30s", "--grace", "10m");
        broker.Signal(Signals.Kill);
        CliResult result = await process.ResultAsync();
        Assert.Equal((75, "told\n"), (result.Code, result.Output));
    }

    [Fact]
    public async Task A_broker_that_is_killed_is_started_again_and_the_order_of_the_commands_stays()
    {
        string log = _sandbox.PathOf("log");
        using CliProcess holder = await _sandbox.HoldAsync(
            "k", $"touch @STARTED; read x; echo first $LOCK_FENCING_TOKEN >> {log}", "--ttl", "30s");
        using CliProcess waiter = _sandbox.Start("run", "k", "--", "sh", "-c", $"echo second $LOCK_FENCING_TOKEN >> {log}");
        int broker = Assert.Single(_sandbox.Brokers());
        Assert.Equal(0, LibC.kill(broker, Signals.Kill));
        await Eventually.TrueAsync(() => _sandbox.Brokers() is [var next] && next != broker, "another broker");

        // Until the holder has come back, the new broker does not know yet who holds the lock, and says so; that nobody does would be
        // untrue.
        int code = -1;
        await Eventually.TrueAsync(
            async () => (code = (await _sandbox.RunAsync("show", "k", "--json")).Code) != 69, "the holder to come back");
        Assert.Equal(0, code);

        await holder.WriteAsync("\n");
        Assert.Equal(new CliResult(0, "", ""), await holder.ResultAsync());
        Assert.Equal(new CliResult(0, "", ""), await waiter.ResultAsync());
        var lines = (await File.ReadAllLinesAsync(log)).Select(static line => line.Split(' ')).ToList();
        Assert.Equal(["first", "second"], lines.Select(static line => line[0]));
        Assert.True(long.Parse(lines[0][1], CultureInfo.InvariantCulture) < long.Parse(lines[1][1], CultureInfo.InvariantCulture));
    }
}
