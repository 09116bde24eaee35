using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;

namespace Locking.Testing;

/// <summary>A real Redis server of a test's own: a free port, a temporary directory, no persistence. Killed and removed at the
/// end.</summary>
/// <remarks><c>LOCK_TEST_REDIS_SERVER</c> names another binary (Valkey, an older Redis). Without any the tests fail, and say so.</remarks>
public sealed class RedisServer : IAsyncDisposable
{
    private const int Sigstop = 19;
    private const int Sigcont = 18;

    private readonly string _directory;
    private readonly string _binary;
    private readonly string[] _program;
    private readonly string[] _arguments;
    private Process? _process;

    private RedisServer(int port, string binary, string[] program, string[] arguments)
    {
        Port = port;
        _binary = binary;
        _program = program;
        _arguments = arguments;
        _directory = Directory.CreateTempSubdirectory("lock-redis-").FullName;
    }

    /// <summary>Where it listens, on 127.0.0.1.</summary>
    public int Port { get; }

    public string EndPoint => $"127.0.0.1:{Port}";

    /// <summary>Starts a server on a free port.</summary>
    /// <param name="arguments">Further settings, such as <c>--requirepass x</c>.</param>
    public static Task<RedisServer> StartAsync(params string[] arguments) =>
        StartBinaryAsync(Environment.GetEnvironmentVariable("LOCK_TEST_REDIS_SERVER") ?? "redis-server", arguments);

    /// <summary>The same with another program.</summary>
    public static Task<RedisServer> StartBinaryAsync(string binary, params string[] arguments) => StartAsync(binary, [], arguments);

    /// <summary>The same with a server that is written in .NET.</summary>
    /// <param name="assembly">Its file.</param>
    public static Task<RedisServer> StartAssemblyAsync(string assembly) => StartAsync("dotnet", [assembly], []);

    private static async Task<RedisServer> StartAsync(string binary, string[] program, string[] arguments)
    {
        for (int attempt = 1; ; attempt++)
        {
            RedisServer server = new RedisServer(FreePort(), binary, program, arguments);
            try
            {
                await server.StartAgainAsync();
                return server;
            }
            catch (InvalidOperationException) when (attempt < 5)
            {
                // Somebody else took the port in between.
                await server.DisposeAsync();
            }
        }
    }

    /// <summary>Starts the server again, on the same port, after <see cref="Kill"/>.</summary>
    /// <param name="untilLoaded">Whether to wait until it has loaded its data, or only until it answers.</param>
    public async Task StartAgainAsync(bool untilLoaded = true)
    {
        ProcessStartInfo start =
            new ProcessStartInfo(_binary) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = _directory };
        foreach (string argument in (string[])[.. _program, "--port", $"{Port}", "--bind", "127.0.0.1", "--daemonize", "no", "--save", "",
            .. _arguments])
            start.ArgumentList.Add(argument);
        try
        {
            _process = Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception exception)
        {
            throw new FileNotFoundException(
                $"These tests need a Redis server: '{_binary}' could not be started. "
                + "Install redis-server (Debian: apt install redis-server), " +
                "or name a binary in LOCK_TEST_REDIS_SERVER.", _binary, exception);
        }

        StringBuilder log = new System.Text.StringBuilder();
        Process process = _process;
        process.OutputDataReceived += (_, line) => Append(line.Data);
        process.ErrorDataReceived += (_, line) => Append(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        DateTime deadline = DateTime.UtcNow.AddSeconds(60);
        // What answers may be another server that was given the same port: ours says itself that it listens.
        while ((untilLoaded && !SaysItIsReady()) || !await AnswersAsync(untilLoaded))
        {
            if (process.HasExited)
                throw new InvalidOperationException($"redis-server ended at once: {log}");
            if (DateTime.UtcNow > deadline)
                throw new TimeoutException($"redis-server on port {Port} did not answer within 60 s: {log}");
            await Task.Delay(20);
        }

        bool SaysItIsReady()
        {
            lock (log)
                return log.ToString().Contains("Ready to accept connections", StringComparison.Ordinal);
        }

        void Append(string? line)
        {
            lock (log)
                log.AppendLine(line);
        }
    }

    /// <summary>kill -9.</summary>
    public void Kill()
    {
        if (_process is not { HasExited: false } process)
            return;
        process.Kill();
        process.WaitForExit();
    }

    /// <summary>SIGSTOP: the server stands still, its sockets stay open.</summary>
    public void Freeze()
    {
        Signal(Sigstop);

        // A signal to a process may take a moment.
        string threads = $"/proc/{_process!.Id}/task";
        while (!Directory.EnumerateDirectories(threads)
            .All(static thread => File.ReadAllText(Path.Combine(thread, "stat")) is var stat && stat[stat.LastIndexOf(')') + 2] == 'T'))
        {
            Thread.Sleep(1);
        }
    }

    /// <summary>SIGCONT.</summary>
    public void Thaw() => Signal(Sigcont);

    /// <summary>A raw connection to it, for a test's own commands.</summary>
    public Task<RawRedis> RawAsync(string? password = null) => RawRedis.ConnectAsync(Port, password);

    /// <summary>Runs one command on a connection of its own.</summary>
    public async Task<object?> CommandAsync(params string[] words)
    {
        await using RawRedis raw = await RawAsync();
        return await raw.CommandAsync(words);
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is { } process)
        {
            Kill();
            process.Dispose();
        }

        for (int attempt = 0; attempt < 5 && Directory.Exists(_directory); attempt++)
        {
            try
            {
                Directory.Delete(_directory, recursive: true);
            }
            catch (IOException)
            {
                await Task.Delay(50);
            }
        }
    }

    /// <summary>A port nobody listens on just now.</summary>
    public static int FreePort()
    {
        using TcpListener listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private async Task<bool> AnswersAsync(bool loaded)
    {
        try
        {
            await using RawRedis raw = await RawRedis.ConnectAsync(Port, password: null);
            // A server with a password answers NOAUTH: it is up all the same.
            return await raw.CommandAsync("PING") switch
            {
                RedisErrorReply error => !loaded || !error.Message.StartsWith("LOADING", StringComparison.Ordinal),
                var reply => reply is "PONG",
            };
        }
        catch (Exception exception) when (exception is SocketException or IOException)
        {
            return false;
        }
    }

    private void Signal(int signal)
    {
        if (kill(_process!.Id, signal) != 0)
            throw new InvalidOperationException($"kill -{signal} failed: {Marshal.GetLastPInvokeError()}");
    }

    [DllImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int kill(int process, int signal);
}
