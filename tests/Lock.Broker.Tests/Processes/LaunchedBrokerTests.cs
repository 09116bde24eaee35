using System.Diagnostics;
using System.Net.Sockets;
using System.Text.Json;

namespace Locking;

/// <summary>What a launched broker has of whoever needed it.</summary>
public sealed class LaunchedBrokerTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("lock-launched-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task It_keeps_no_file_directory_mask_session_priority_limit_or_variable_of_its_launcher()
    {
        string socket = Path.Combine(_directory, "sub", "broker.sock");
        string file = Path.Combine(_directory, "locked");
        string config =
            JsonSerializer.Serialize(new { type = "broker", connection = new { path = socket, launch = true, connectTimeout = 60_000 } });
        const string script = """
            cd "$1" || exit 9
            exec 200>"$2"
            exec 11>>"$2.other"
            flock -n 200 || exit 8
            umask 0
            ulimit -S -f 900000000
            trap '' TERM
            export LOCK_CONFIG="$3" MARKER=of-the-launcher
            exec nice -n 7 dotnet "$4" hold k
            """;
        var start = new ProcessStartInfo("bash", ["-c", script, "bash", _directory, file, config, ChildProcess.Program])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true,
        };
        using Process launcher = Process.Start(start)!;
        Assert.StartsWith("held", await launcher.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(60)));

        int broker = await OwnerOfAsync(socket);
        Assert.NotEqual(launcher.Id, broker);
        var open = Directory.EnumerateFiles($"/proc/{broker}/fd").Select(static link => new FileInfo(link).LinkTarget).ToList();
        Assert.DoesNotContain(open, link => link is not null && link.StartsWith(file, StringComparison.Ordinal));
        Assert.Equal("/", new FileInfo($"/proc/{broker}/cwd").LinkTarget);
        string[] status = await File.ReadAllLinesAsync($"/proc/{broker}/status");
        Assert.Contains("Umask:\t0077", status);
        Assert.DoesNotContain("MARKER", await File.ReadAllTextAsync($"/proc/{broker}/environ"));
        Assert.DoesNotContain("LOCK_CONFIG", await File.ReadAllTextAsync($"/proc/{broker}/environ"));
        string[] stat = (await File.ReadAllTextAsync($"/proc/{broker}/stat")).Split(')')[^1]
            .Split(' ', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal($"{broker}", stat[3]); // leads its session
        Assert.Equal("0", stat[4]); // has no terminal
        if (UnixFiles.UserId == 0)
            Assert.Equal("0", stat[16]); // nice
        Assert.Contains(await File.ReadAllLinesAsync($"/proc/{broker}/limits"),
            static line => line.StartsWith("Max file size", StringComparison.Ordinal)
            && line.Split(' ', StringSplitOptions.RemoveEmptyEntries) is var words && words[3] == words[4]);

        // TERM was ignored by the launcher, and is not by the broker.
        ulong ignored =
            Convert.ToUInt64(Array.Find(status, static line => line.StartsWith("SigIgn:", StringComparison.Ordinal))![8..].Trim(), 16);
        Assert.Equal(0UL, ignored & (1UL << 14));

        launcher.Kill();
        await launcher.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(30));
        using var flock = Process.Start("flock", ["-n", file, "true"]);
        await flock.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal(0, flock.ExitCode);
        using var running = Process.GetProcessById(broker);
        running.Kill();
        await running.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task Whoever_launches_it_is_left_without_a_dead_child()
    {
        List<string> before = Children();
        string socket = Path.Combine(_directory, "sub", "broker.sock");
        var launcher = new BrokerLauncher { Command = ["dotnet", ChildProcess.Program, "broker"], IdleExit = TimeSpan.FromSeconds(1) };
        await using (var store = new BrokerLockStore(
            new BrokerLockSettings { Path = socket, Launch = true, ConnectTimeout = TimeSpan.FromMinutes(1) }, launcher))
        {
            Assert.Null(await store.GetAsync("k", default));
        }

        Assert.Empty(Children().Except(before));
    }

    /// <summary>The children of this process that are shells, dead ones too.</summary>
    private static List<string> Children() =>
    [
        .. Directory.EnumerateDirectories("/proc/self/task")
            .SelectMany(static task => ReadIfThere(Path.Combine(task, "children")).Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Where(static child => ReadIfThere($"/proc/{child}/comm").Trim() == "sh"),
    ];

    /// <summary>Threads and processes may end at any moment: what is gone says nothing.</summary>
    private static string ReadIfThere(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (IOException)
        {
            return "";
        }
    }

    /// <summary>Whose process listens there.</summary>
    private static async Task<int> OwnerOfAsync(string path)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(path));
        byte[] credentials = new byte[12];
        socket.GetRawSocketOption(1, 17, credentials);
        return BitConverter.ToInt32(credentials);
    }
}
