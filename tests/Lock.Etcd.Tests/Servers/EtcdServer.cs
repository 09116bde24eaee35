using System.ComponentModel;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;

namespace Locking.Testing;

/// <summary>A real member of an etcd cluster of a test's own: free ports, a temporary directory. Killed and removed at the end.</summary>
public sealed class EtcdServer : IAsyncDisposable
{
    /// <summary>In memory where the machine has that: nothing here survives the machine,
    /// and nobody waits for a disk that others use too.</summary>
    private readonly string _directory = Directory.Exists("/dev/shm")
        ? Directory.CreateDirectory($"/dev/shm/lock-etcd-{Guid.NewGuid():N}").FullName
        : Directory.CreateTempSubdirectory("lock-etcd-").FullName;
    private readonly StringBuilder _log = new();
    private readonly string[] _arguments;
    private Process? _process;

    private EtcdServer(string name, int port, int peerPort, string[] arguments)
    {
        Name = name;
        Port = port;
        PeerPort = peerPort;
        _arguments = arguments;
    }

    public string Name { get; }

    /// <summary>Where clients go, on 127.0.0.1.</summary>
    public int Port { get; }

    public int PeerPort { get; }

    /// <summary>Where its data are.</summary>
    public string DataFolder => Path.Combine(_directory, "data");

    /// <summary>The number of its process, which may have ended.</summary>
    public int ProcessId => _process!.Id;

    /// <summary>Whether its process has ended.</summary>
    public bool HasEnded => _process!.HasExited;

    /// <summary>What etcdctl needs to be let in.</summary>
    public IReadOnlyList<string> ControlArguments { get; set; } = [];

    /// <summary>Whether it is to speak TLS to clients.</summary>
    private bool IsTls => _arguments.Contains("--cert-file");

    public string Url => $"{(IsTls ? "https" : "http")}://{(IsTls ? "localhost" : "127.0.0.1")}:{Port}";

    /// <summary>Makes a member that is not started yet.</summary>
    public static EtcdServer Prepare(string name, params string[] arguments) => new(name, FreePort(), FreePort(), arguments);

    /// <summary>Starts a cluster of one. It grants leases of one second and more.</summary>
    public static async Task<EtcdServer> StartAsync(params string[] arguments)
    {
        for (int attempt = 1; ; attempt++)
        {
            EtcdServer server = Prepare("one", ["--heartbeat-interval", "20", "--election-timeout", "100", .. arguments]);
            try
            {
                server.Start([server]);
                await server.ReadyAsync();
                return server;
            }
            catch (Exception fault)
            {
                // Somebody else took a port in between, or it is of no use: it is not left behind.
                await server.DisposeAsync();
                if (fault is not InvalidOperationException || attempt >= 5)
                    throw;
            }
        }
    }

    /// <summary>Starts it, or starts it again after <see cref="Kill"/>.</summary>
    /// <param name="cluster">All members, with this one.</param>
    /// <param name="more">Further arguments, for this start only.</param>
    public void Start(IReadOnlyList<EtcdServer> cluster, params string[] more)
    {
        string scheme = IsTls ? "https" : "http";
        string[] all =
        [
            "--name", Name, "--data-dir", DataFolder, "--logger", "zap", "--log-outputs", "stderr",
            "--listen-client-urls", $"{scheme}://127.0.0.1:{Port}", "--advertise-client-urls", Url,
            "--listen-peer-urls", $"http://127.0.0.1:{PeerPort}", "--initial-advertise-peer-urls", $"http://127.0.0.1:{PeerPort}",
            "--initial-cluster", string.Join(',', cluster.Select(static member => $"{member.Name}=http://127.0.0.1:{member.PeerPort}")),
            .. _arguments, .. more,
        ];
        var start = new ProcessStartInfo("etcd", all) { RedirectStandardError = true, WorkingDirectory = _directory };
        try
        {
            _process = Process.Start(start)!;
        }
        catch (Win32Exception exception)
        {
            throw new FileNotFoundException("These tests need etcd: install etcd-server (Debian: apt install etcd-server etcd-client).",
                "etcd", exception);
        }

        _process.ErrorDataReceived += (_, line) =>
        {
            lock (_log)
                _log.AppendLine(line.Data);
        };
        _process.BeginErrorReadLine();
    }

    /// <summary>Waits until the cluster has a leader and answers here.</summary>
    public async Task ReadyAsync()
    {
        long since = TimeProvider.System.GetTimestamp();
        while (true)
        {
            if (_process!.HasExited)
                throw new InvalidOperationException($"etcd ended at once: {Log}");
            if (Log.Contains("serving client traffic", StringComparison.Ordinal))
                return;
            if (TimeProvider.System.GetElapsedTime(since) > TimeSpan.FromMinutes(2))
                throw new TimeoutException($"etcd on port {Port} was not ready within 2 minutes: {Log}");
            await Task.Delay(20);
        }
    }

    /// <summary>kill -9.</summary>
    public void Kill()
    {
        if (_process is not { HasExited: false } process)
            return;
        process.Kill();
        process.WaitForExit();
        lock (_log)
            _log.Clear();
    }

    /// <summary>Starts it again, alone, without anything that it knew.</summary>
    public void Forget()
    {
        Kill();
        Directory.Delete(DataFolder, recursive: true);
        Start([this]);
    }

    /// <summary>SIGSTOP: it stands still, its sockets stay open.</summary>
    public void Freeze() => Signal(19);

    /// <summary>SIGCONT.</summary>
    public void Thaw() => Signal(18);

    /// <summary>Runs etcdctl against this member to its end.</summary>
    /// <returns>What it printed.</returns>
    public async Task<string> ControlAsync(params string[] words)
    {
        using Process process = Control(words);
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0
            ? output.Trim()
            : throw new InvalidOperationException($"etcdctl {string.Join(' ', words)}: {output}{await error}");
    }

    /// <summary>Starts etcdctl against this member.</summary>
    public Process Control(params string[] words)
    {
        var start = new ProcessStartInfo("etcdctl", ["--endpoints", Url, .. ControlArguments, .. words])
        {
            RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true,
            Environment = { ["ETCDCTL_API"] = "3" },
        };
        return Process.Start(start)!;
    }

    public ValueTask DisposeAsync()
    {
        Kill();
        _process?.Dispose();
        Directory.Delete(_directory, recursive: true);
        return ValueTask.CompletedTask;
    }

    public static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    private string Log
    {
        get
        {
            lock (_log)
                return _log.ToString();
        }
    }

    private void Signal(int signal)
    {
        if (Kill(_process!.Id, signal) != 0)
            throw new InvalidOperationException($"etcd could not be sent signal {signal}.");
    }


    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Kill(int process, int signal);
}
