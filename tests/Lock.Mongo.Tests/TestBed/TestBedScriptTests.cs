namespace Locking;

/// <summary>What the script of the test bed says when it cannot do its work.</summary>
public sealed class TestBedScriptTests
{
    [Fact]
    public async Task A_missing_tool_is_named_with_the_ways_out()
    {
        using var tools = new Folder();
        // Enough to run, not enough to install.
        foreach (string tool in (string[])["bash", "dirname", "readlink", "id"])
            File.CreateSymbolicLink(Path.Combine(tools.Path, tool), (await Repository.RunAsync("bash", "-c", $"command -v {tool}")).Output.Trim());
        (int code, _, string error) = await RunAsync(tools, $"PATH={tools.Path}", "install");
        Assert.Equal(2, code);
        Assert.Contains("'apt-get' is missing", error, StringComparison.Ordinal);
        Assert.Contains("LOCK_TEST_MONGODB", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_mirror_that_is_not_there_is_named()
    {
        using var nothing = new Folder();
        (int code, _, string error) = await RunAsync(nothing, "DEBIAN_MIRROR=http://127.0.0.1:1/debian", "install");
        Assert.Equal(1, code);
        Assert.Contains("http://127.0.0.1:1/debian", error, StringComparison.Ordinal);
        Assert.Contains("DEBIAN_MIRROR", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_start_before_the_installation_says_how_to_install()
    {
        using var nothing = new Folder();
        (int code, _, string error) = await RunAsync(nothing, "LC_ALL=C", "start");
        Assert.Equal(4, code);
        Assert.Contains("eng/mongo-testbed.sh install", error, StringComparison.Ordinal);
    }

    private static Task<(int ExitCode, string Output, string Error)> RunAsync(Folder folder, string setting, string action) =>
        Repository.RunAsync("env", setting, "bash", Repository.In("eng", "mongo-testbed.sh"), action, Path.Combine(folder.Path, "mongo"));

    private sealed class Folder : IDisposable
    {
        public string Path { get; } = Directory.CreateTempSubdirectory("lock-testbed-").FullName;

        public void Dispose() => Directory.Delete(Path, recursive: true);
    }
}
