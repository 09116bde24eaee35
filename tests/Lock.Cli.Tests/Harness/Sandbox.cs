using System.Diagnostics;
using System.Globalization;

namespace Locking.Cli.Tests;

/// <summary>A broker directory of its own, and every process that a test starts; at the end all of them are gone, which is
/// checked.</summary>
internal sealed class Sandbox : IAsyncDisposable
{
    private readonly List<CliProcess> _started = [];

    public Sandbox()
    {
        // Socket paths are short (108 bytes), so not below the test's own directory.
        Folder = Directory.CreateTempSubdirectory("lock-cli-").FullName;
        Socket = Path.Combine(Folder, "b", "broker.sock");
        Config = $$"""{"type":"broker","connection":{"path":"{{Socket}}"} }""";
    }

    public string Folder { get; }

    public string Socket { get; }

    public string Config { get; set; }

    public string PathOf(string name) => Path.Combine(Folder, name);

    /// <summary>Starts <c>lock</c>.</summary>
    public CliProcess Start(params string[] words) => StartProgram(Published.Program, words);

    /// <summary>Runs <c>lock</c> to its end, with an empty input.</summary>
    public async Task<CliResult> RunAsync(params string[] words)
    {
        CliProcess process = Start(words);
        process.CloseInput();
        return await process.ResultAsync();
    }

    public CliProcess StartProgram(string program, params string[] words)
    {
        var start = new ProcessStartInfo(program)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Folder,
        };
        foreach (string word in words)
            start.ArgumentList.Add(word);
        start.Environment["LOCK_CONFIG"] = Config;
        start.Environment["SANDBOX"] = Folder;
        var process = new CliProcess(start);
        _started.Add(process);
        return process;
    }

    /// <summary>Starts <c>lock run KEY -- sh -c SCRIPT</c> and waits until the script has written a file named <c>started</c>.</summary>
    public async Task<CliProcess> HoldAsync(string key, string script, params string[] options)
    {
        string mark = PathOf($"started-{_started.Count.ToString(CultureInfo.InvariantCulture)}");
        CliProcess process = Start(
            ["run", .. options, key, "--", "sh", "-c", $"{script.Replace("@STARTED", mark, StringComparison.Ordinal)}"]);
        await Eventually.TrueAsync(() => File.Exists(mark) || process.HasExited, "the command to start");
        Assert.True(File.Exists(mark), process.HasExited ? (await process.ResultAsync()).ToString() : "not started");
        return process;
    }

    /// <summary>The processes whose command line or environment names this sandbox, zombies left out.</summary>
    public List<(int Pid, string CommandLine)> Processes()
    {
        var found = new List<(int, string)>();
        foreach (string directory in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(
                Path.GetFileName(directory), NumberStyles.None, CultureInfo.InvariantCulture, out int pid) || pid == Environment.ProcessId)
                continue;
            try
            {
                string line = File.ReadAllText($"{directory}/cmdline").Replace('\0', ' ');
                if (IsAlive(pid) && (line.Contains(Folder, StringComparison.Ordinal)
                    || File.ReadAllText($"{directory}/environ").Contains(Folder, StringComparison.Ordinal)))
                {
                    found.Add((pid, line));
                }
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // It has ended meanwhile, or is somebody else's.
            }
        }

        return found;
    }

    public List<int> Brokers() =>
        [.. Processes().Where(p => p.CommandLine.Contains(" broker ", StringComparison.Ordinal)).Select(p => p.Pid)];

    /// <summary>Waits until a lease that is held has been renewed: what is left of it falls, and rises only then.</summary>
    public static async Task RenewalAsync(ILock locks, string key)
    {
        TimeSpan least = TimeSpan.MaxValue;
        await Eventually.TrueAsync(
            async () =>
            {
                TimeSpan left = (
                    await locks.GetAsync(key) ?? throw new InvalidOperationException($"Nobody holds '{key}' any more.")).Remaining;
                bool renewed = left > least;
                least = left;
                return renewed;
            },
            "a renewal");
    }

    public static bool IsAlive(int pid)
    {
        try
        {
            string stat = File.ReadAllText($"/proc/{pid.ToString(CultureInfo.InvariantCulture)}/stat");
            return stat[stat.LastIndexOf(')') + 2] is not ('Z' or 'X');
        }
        catch (IOException)
        {
            return false;
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (CliProcess process in _started)
            process.Dispose();
        foreach (int broker in Brokers())
            _ = LibC.kill(broker, Signals.Terminate);
        bool clean = true;
        try
        {
            await Eventually.TrueAsync(() => Processes().Count == 0, () => $"processes to end: {string.Join("; ", Processes())}");
        }
        catch (TimeoutException)
        {
            clean = false;
            foreach ((int pid, string _) in Processes())
                _ = LibC.kill(pid, Signals.Kill);
            throw;
        }
        finally
        {
            if (clean)
                Directory.Delete(Folder, recursive: true);
        }
    }
}
