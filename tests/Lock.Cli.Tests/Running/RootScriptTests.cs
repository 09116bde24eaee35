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
        // A source tree whose compiler only says how it was called, and makes a command that does the same.
        var root = Directory.CreateDirectory(_sandbox.PathOf("tree")).FullName;
        Directory.CreateDirectory(Path.Combine(root, "src"));
        foreach (var name in new[] { "Directory.Build.props", "Directory.Packages.props" })
            await File.WriteAllTextAsync(Path.Combine(root, name), "");
        File.Copy(Published.Script, Path.Combine(root, "lock"));
        var compiler = Path.Combine(Directory.CreateDirectory(Path.Combine(root, "bin")).FullName, "dotnet");
        await File.WriteAllTextAsync(compiler, $$"""
            #!/bin/sh
            echo "$DOTNET_CLI_USE_MSBUILD_SERVER $*" > {{_sandbox.PathOf("called")}}
            while [ "$1" != -o ]; do shift; done
            mkdir -p "$2" && printf '#!/bin/sh\necho "ran $*"\n' > "$2/lock" && chmod +x "$2/lock"
            """);
        File.SetUnixFileMode(compiler, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        using var process = _sandbox.StartProgram("/usr/bin/env", $"PATH={Path.GetDirectoryName(compiler)}:/usr/bin:/bin", Path.Combine(root, "lock"), "ls", "a b");
        process.CloseInput();
        var result = await process.ResultAsync();
        Assert.Equal((0, "ran ls a b\n"), (result.Code, result.Output));
        var called = await File.ReadAllTextAsync(_sandbox.PathOf("called"));
        Assert.StartsWith("0 publish ", called, StringComparison.Ordinal);
        Assert.Contains(" -nodeReuse:false ", called, StringComparison.Ordinal);
        Assert.Contains(" -p:UseSharedCompilation=false ", called, StringComparison.Ordinal);
    }
}
