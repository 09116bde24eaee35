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
}
