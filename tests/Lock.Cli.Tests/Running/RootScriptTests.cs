using System.Diagnostics;
using System.Reflection.PortableExecutable;

namespace Locking.Cli.Tests.Running;

public sealed class RootScriptTests : IAsyncLifetime
{
    private readonly Sandbox _sandbox = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _sandbox.DisposeAsync();

    [Fact]
    public async Task The_script_of_the_source_tree_may_be_called_by_links()
    {
        Assert.True(File.Exists(Published.Program));
        var link = Path.Combine(_sandbox.Folder, "there");
        var second = Path.Combine(_sandbox.Folder, "lock");
        File.CreateSymbolicLink(link, Published.Script);
        File.CreateSymbolicLink(second, "there");
        using var process = Process.Start(new ProcessStartInfo(second, "--version") { RedirectStandardOutput = true, WorkingDirectory = "/" })!;
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.Equal(0, process.ExitCode);
        Assert.StartsWith("lock ", output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Path.Combine(_sandbox.Folder, "artifacts")));
    }

    [Fact]
    public void What_the_script_publishes_is_compiled_ahead_of_time()
    {
        foreach (var name in (string[])["Lock.Cli", "Lock", "Lock.Core", "Lock.Broker", "Lock.Redis"])
        {
            using var file = new PEReader(File.OpenRead(Path.Combine(Path.GetDirectoryName(Published.Program)!, $"{name}.dll")));
            Assert.True(file.PEHeaders.CorHeader!.ManagedNativeHeaderDirectory.Size > 0, $"{name}.dll has no compiled code");
        }
    }

    [Fact]
    public async Task No_server_of_the_build_stays_behind()
    {
        var result = await (await StartInTreeAsync("true", "ls", "a b")).ResultAsync();
        Assert.Equal((0, "ran ls a b\n"), (result.Code, result.Output));
        var called = Assert.Single(await File.ReadAllLinesAsync(_sandbox.PathOf("called")));
        Assert.StartsWith("0 publish ", called, StringComparison.Ordinal);
        Assert.Contains(" -nodeReuse:false ", called, StringComparison.Ordinal);
        Assert.Contains(" -p:UseSharedCompilation=false ", called, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Of_many_first_uses_one_builds()
    {
        var uses = new List<CliProcess>();
        for (var i = 0; i < 5; i++)
            uses.Add(await StartInTreeAsync("sleep 0.3", "ls"));
        foreach (var use in uses)
            Assert.Equal("ran ls\n", (await use.ResultAsync()).Output);
        Assert.Single(await File.ReadAllLinesAsync(_sandbox.PathOf("called")));
    }

    [Fact]
    public async Task A_builder_that_was_killed_holds_up_nobody()
    {
        using var killed = await StartInTreeAsync("touch on; exec sleep 1000", "ls");
        await Eventually.TrueAsync(() => File.Exists(_sandbox.PathOf("on")), "the build to start");
        foreach (var (pid, _) in _sandbox.Processes().Where(p => p.CommandLine.Contains("lock ls", StringComparison.Ordinal)))
            _ = LibC.kill(pid, Signals.Kill);

        // Its number now is somebody else's, who lives for long.
        var old = _sandbox.PathOf("tree/artifacts/lock/building");
        if (Directory.Exists(old))
            await File.WriteAllTextAsync(Path.Combine(old, "pid"), $"{Environment.ProcessId}\n");
        Assert.Equal("ran ls\n", (await (await StartInTreeAsync("true", "ls")).ResultAsync()).Output);
        foreach (var (pid, _) in _sandbox.Processes().Where(static p => p.CommandLine.StartsWith("sleep 1000", StringComparison.Ordinal)))
            Assert.Equal(0, LibC.kill(pid, Signals.Kill));
    }

    /// <summary>The script in a source tree whose compiler only writes down how it was called, and makes a command that says the same of itself.</summary>
    private async Task<CliProcess> StartInTreeAsync(string build, params string[] words)
    {
        var root = Directory.CreateDirectory(_sandbox.PathOf("tree")).FullName;
        Directory.CreateDirectory(Path.Combine(root, "src"));
        var script = Path.Combine(root, "lock");
        if (!File.Exists(script))
        {
            foreach (var name in new[] { "Directory.Build.props", "Directory.Packages.props" })
                await File.WriteAllTextAsync(Path.Combine(root, name), "");
            File.Copy(Published.Script, script);
        }

        // One for each call, since a file that is run cannot be written.
        var bin = Directory.CreateDirectory(Path.Combine(root, $"bin-{Guid.NewGuid():N}")).FullName;
        var compiler = Path.Combine(bin, "dotnet");
        await File.WriteAllTextAsync(compiler, $$"""
            #!/bin/sh
            echo "$DOTNET_CLI_USE_MSBUILD_SERVER $*" >> {{_sandbox.PathOf("called")}}
            {{build}}
            while [ "$1" != -o ]; do shift; done
            mkdir -p "$2" && printf '#!/bin/sh\necho "ran $*"\n' > "$2/lock" && chmod +x "$2/lock"
            """);
        File.SetUnixFileMode(compiler, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var process = _sandbox.StartProgram("/usr/bin/env", [$"PATH={bin}:/usr/bin:/bin", script, .. words]);
        process.CloseInput();
        return process;
    }
}
