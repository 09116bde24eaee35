namespace Locking.Cli.Tests.Running;

/// <summary>A wall clock that steps while a command runs, by the library that <c>faketime</c> preloads; the clocks that do not step are
/// left alone.</summary>
public sealed class ClockTests : IAsyncLifetime
{
    private readonly Sandbox _sandbox = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _sandbox.DisposeAsync();

    [Theory]
    [InlineData("+2h")]
    [InlineData("-2h")]
    public async Task A_wall_clock_that_steps_ends_no_command(string step)
    {
        // The broker has the real clock: only the holder's steps.
        Assert.Equal(0, (await _sandbox.RunAsync("run", "first", "--", "true")).Code);
        string offset = _sandbox.PathOf("offset");
        await File.WriteAllTextAsync(offset, "+0");
        using CliProcess holder = _sandbox.StartProgram(
            "/usr/bin/env", $"LD_PRELOAD={Library()}", $"FAKETIME_TIMESTAMP_FILE={offset}",
            "FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1",
            Published.Program, "run", "--ttl", "30s", "--grace", "10m", "k", "--",
            "env", "-u", "LD_PRELOAD", "sh", "-c", "trap 'echo told' TERM; echo on; read line; echo \"$line\"; exit 6");
        await holder.SeesAsync("on\n");
        await File.WriteAllTextAsync(offset + ".new", step);
        File.Move(offset + ".new", offset, overwrite: true);
        await using ILock locks = Lock.Create(LockConfig.Parse(_sandbox.Config));

        // Renewed since, and once more: what a jump makes doubtful the broker has confirmed.
        for (int i = 0; i < 2; i++)
            await Sandbox.RenewalAsync(locks, "k");
        await holder.WriteAsync("over\n");
        Assert.Equal(new CliResult(6, "on\nover\n", ""), await holder.ResultAsync());
    }

    private static string Library() =>
        Directory.EnumerateFiles("/usr/lib", "libfaketimeMT.so.1", SearchOption.AllDirectories).FirstOrDefault()
        ?? throw new InvalidOperationException(
            "libfaketimeMT.so.1 is missing below /usr/lib. eng/servers.sh start installs it (package libfaketime).");
}
