using System.Diagnostics;
using System.Reflection.PortableExecutable;

namespace Locking.Cli.Tests.Running;

public sealed class RootScriptTests : IAsyncLifetime
{
    private readonly Sandbox _sandbox = new();
    private string _path = "/usr/bin:/bin";

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _sandbox.DisposeAsync();

    [Fact]
    public async Task The_script_of_the_source_tree_may_be_called_by_links()
    {
        Assert.True(File.Exists(Published.Program));
        string link = Path.Combine(_sandbox.Folder, "there");
        string second = Path.Combine(_sandbox.Folder, "lock");
        File.CreateSymbolicLink(link, Published.Script);
        File.CreateSymbolicLink(second, "there");
        using Process process = Process.Start(
            new ProcessStartInfo(second, "--version") { RedirectStandardOutput = true, WorkingDirectory = "/" })!;
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.Equal(0, process.ExitCode);
        Assert.StartsWith("lock ", output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Path.Combine(_sandbox.Folder, "artifacts")));
    }

    [Fact]
    public void What_the_script_publishes_is_compiled_ahead_of_time()
    {
        Assert.True(File.Exists(Published.Program));
        if (Published.IsNative)
        {
            IEnumerable<string?> files = Directory.EnumerateFiles(Published.Folder).Select(Path.GetFileName).Order(StringComparer.Ordinal);
            Assert.Equal(["lock", "lock-full"], files);
            return;
        }

        foreach (string name in (string[])["Lock.Cli", "Lock", "Lock.Core", "Lock.Broker", "Lock.Redis"])
        {
            using var file = new PEReader(File.OpenRead(Path.Combine(Published.Folder, $"{name}.dll")));
            Assert.True(file.PEHeaders.CorHeader!.ManagedNativeHeaderDirectory.Size > 0, $"{name}.dll has no compiled code");
        }
    }

    [Fact]
    public async Task Where_there_is_a_linker_it_is_compiled_natively_and_the_full_program_is_built_when_it_is_asked_for()
    {
        CliResult first = await (await StartInTreeAsync("true", "ls")).ResultAsync();
        Assert.Equal("ran ls\n", first.Output);
        Assert.Equal("lock: building the command (once, one to two minutes)...\n", first.Error);
        Assert.Contains(" -p:LockPublish=native ", Assert.Single(await CallsAsync()), StringComparison.Ordinal);
        string name = (await File.ReadAllTextAsync(_sandbox.PathOf("tree/artifacts/lock/current"))).Trim();
        string full = _sandbox.PathOf($"tree/artifacts/lock/{name}/lock-full");

        CliResult asked = await (await StartInTreeAsync("true", full, "ls", "a b")).ResultAsync();
        Assert.Equal("ran ls a b\n", asked.Output);
        Assert.Equal("lock: building the command with MongoDB's driver (once, one to two minutes)...\n", asked.Error);
        string[] calls = await CallsAsync();
        Assert.Equal(2, calls.Length);
        Assert.Contains(" -p:LockPublish=full ", calls[1], StringComparison.Ordinal);

        CliResult again = await (await StartInTreeAsync("true", full, "ls")).ResultAsync();
        Assert.Equal(("ran ls\n", ""), (again.Output, again.Error));
        Assert.Equal(2, (await CallsAsync()).Length);
    }

    [Fact]
    public async Task Without_a_linker_the_full_program_is_all_there_is()
    {
        string tools = Directory.CreateDirectory(_sandbox.PathOf("tools")).FullName;
        string[] needed =
        [
            "cat", "chmod", "date", "dirname", "find", "flock", "grep", "head", "mkdir", "mv", "readlink", "rm", "sh", "sleep", "touch",
        ];
        foreach (string tool in needed)
        {
            string[] places = [$"/usr/bin/{tool}", $"/bin/{tool}"];
            File.CreateSymbolicLink(Path.Combine(tools, tool), places.First(File.Exists));
        }

        _path = tools;
        CliResult result = await (await StartInTreeAsync("true", "ls")).ResultAsync();
        Assert.Equal("ran ls\n", result.Output);
        Assert.Contains("without clang or gcc it cannot be compiled natively", result.Error, StringComparison.Ordinal);
        Assert.Contains(" -p:LockPublish=full ", Assert.Single(await CallsAsync()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_cannot_be_compiled_natively_after_all_is_run_by_dotnet()
    {
        CliResult result = await (await StartInTreeAsync(
            "case $* in *LockPublish=native*) echo 'no zlib'; exit 1 ;; esac", "ls")).ResultAsync();
        Assert.Equal("ran ls\n", result.Output);
        Assert.Contains("it could not be compiled natively", result.Error, StringComparison.Ordinal);
        Assert.Equal("no zlib\n", await File.ReadAllTextAsync(_sandbox.PathOf("tree/artifacts/lock/native.log")));
        Assert.Equal(2, (await CallsAsync()).Length);
    }

    [Fact]
    public async Task A_program_that_cannot_be_built_is_69_and_says_what_the_compiler_said()
    {
        CliResult result = await (await StartInTreeAsync("echo 'error CS1002'; exit 1", "ls")).ResultAsync();
        Assert.Equal((69, ""), (result.Code, result.Output));
        Assert.EndsWith("error CS1002\nlock: the command could not be built.\n", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task No_server_of_the_build_stays_behind()
    {
        CliResult result = await (await StartInTreeAsync("true", "ls", "a b")).ResultAsync();
        Assert.Equal((0, "ran ls a b\n"), (result.Code, result.Output));
        string called = Assert.Single(await CallsAsync());
        Assert.StartsWith("0 publish ", called, StringComparison.Ordinal);
        Assert.Contains(" -nodeReuse:false ", called, StringComparison.Ordinal);
        Assert.Contains(" -p:UseSharedCompilation=false ", called, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Of_many_first_uses_one_builds()
    {
        var uses = new List<CliProcess>();
        for (int i = 0; i < 5; i++)
            uses.Add(await StartInTreeAsync("sleep 0.3", "ls"));
        foreach (CliProcess use in uses)
            Assert.Equal("ran ls\n", (await use.ResultAsync()).Output);
        Assert.Single(await CallsAsync());
    }

    [Fact]
    public async Task A_builder_that_was_killed_holds_up_nobody()
    {
        using CliProcess killed = await StartInTreeAsync("touch on; exec sleep 1000", "ls");
        await Eventually.TrueAsync(() => File.Exists(_sandbox.PathOf("on")), "the build to start");
        foreach ((int pid, string _) in _sandbox.Processes().Where(p => p.CommandLine.Contains("lock ls", StringComparison.Ordinal)))
            _ = LibC.kill(pid, Signals.Kill);

        // Its number now is somebody else's, who lives for long.
        string old = _sandbox.PathOf("tree/artifacts/lock/building");
        if (Directory.Exists(old))
            await File.WriteAllTextAsync(Path.Combine(old, "pid"), $"{Environment.ProcessId}\n");
        Assert.Equal("ran ls\n", (await (await StartInTreeAsync("true", "ls")).ResultAsync()).Output);
        foreach (
            (int pid, string _) in _sandbox.Processes().Where(static p => p.CommandLine.StartsWith("sleep 1000", StringComparison.Ordinal)))
            Assert.Equal(0, LibC.kill(pid, Signals.Kill));
    }

    private Task<string[]> CallsAsync() => File.ReadAllLinesAsync(_sandbox.PathOf("called"));

    /// <summary>The script in a source tree whose compiler only writes down how it was called, and makes a command that says the same of
    /// itself.</summary>
    private async Task<CliProcess> StartInTreeAsync(string build, params string[] words)
    {
        string root = Directory.CreateDirectory(_sandbox.PathOf("tree")).FullName;
        Directory.CreateDirectory(Path.Combine(root, "src"));
        string script = Path.Combine(root, "lock");
        if (!File.Exists(script))
        {
            foreach (string? name in new[] { "Directory.Build.props", "Directory.Packages.props" })
                await File.WriteAllTextAsync(Path.Combine(root, name), "");
            File.Copy(Published.Script, script);
        }

        // One for each call, since a file that is run cannot be written.
        string bin = Directory.CreateDirectory(Path.Combine(root, $"bin-{Guid.NewGuid():N}")).FullName;
        string compiler = Path.Combine(bin, "dotnet");
        await File.WriteAllTextAsync(compiler, $$"""
            #!/bin/sh
            echo "$DOTNET_CLI_USE_MSBUILD_SERVER $*" >> {{_sandbox.PathOf("called")}}
            {{build}}
            while [ "$1" != -o ]; do shift; done
            mkdir -p "$2" && printf '#!/bin/sh\necho "ran $*"\n' > "$2/lock" && chmod +x "$2/lock"
            """);
        File.SetUnixFileMode(compiler, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        string[] started = words[0].EndsWith("/lock-full", StringComparison.Ordinal) ? words : [script, .. words];
        CliProcess process = _sandbox.StartProgram("/usr/bin/env", [$"PATH={bin}:{_path}", .. started]);
        process.CloseInput();
        return process;
    }
}
