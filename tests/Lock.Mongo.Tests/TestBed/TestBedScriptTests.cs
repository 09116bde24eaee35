using System.Globalization;

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
            File.CreateSymbolicLink(Path.Combine(tools.Path, tool),
                (await Repository.RunAsync("bash", "-c", $"command -v {tool}")).Output.Trim());
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

    /// <summary>As from a clone below root's home: PostgreSQL runs as another user there, who may not go where its files are.</summary>
    [Fact]
    public async Task The_engine_runs_where_others_may_not_enter()
    {
        using var closed = new Folder();
        Assert.Equal(0, (await Repository.RunAsync("chmod", "700", closed.Path)).ExitCode);
        string database = Path.Combine(closed.Path, "repository", "database");
        string installed = Path.Combine(closed.Path, "repository", "mongo");
        Directory.CreateDirectory(installed);
        foreach (string part in (string[])["root", "packages.txt"])
            Assert.Equal(0, (await Repository.RunAsync("cp", "-a", Repository.In(".testbed", "mongo", part), installed)).ExitCode);
        foreach (string action in (string[])["start", "status", "stop"])
        {
            (int code, string output, string error) = await Repository.RunAsync(
                "env", $"DATABASE={database}", "bash", Repository.In("eng", "mongo-testbed.sh"), action, installed);
            Assert.True(code == 0, error);
            if (action != "stop") Assert.InRange(int.Parse(output, CultureInfo.InvariantCulture), 1, 65535);
        }
    }

    private static Task<(int ExitCode, string Output, string Error)> RunAsync(Folder folder, string setting, string action) =>
        Repository.RunAsync("env", setting, "bash", Repository.In("eng", "mongo-testbed.sh"), action, Path.Combine(folder.Path, "mongo"));

    private sealed class Folder : IDisposable
    {
        public string Path { get; } = Directory.CreateTempSubdirectory("lock-testbed-").FullName;

        public void Dispose() => Directory.Delete(Path, recursive: true);
    }
}
