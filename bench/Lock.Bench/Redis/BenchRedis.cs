using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using StackExchange.Redis;

namespace Locking.Bench.Redis;

/// <summary>A Redis server of the benchmark's own, without persistence.</summary>
internal sealed class BenchRedis : IAsyncDisposable
{
    /// <summary>Of connecting and of a command, when many processes start at once.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(1);

    private readonly Process _process;

    private BenchRedis(Process process, int port)
    {
        _process = process;
        Port = port;
    }

    public int Port { get; }

    public int ProcessId => _process.Id;

    public static async Task<BenchRedis> StartAsync()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        int port = ((IPEndPoint)listener.LocalEndpoint).Port;
        listener.Stop();
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("LOCK_TEST_REDIS_SERVER") ?? "redis-server")
        {
            RedirectStandardOutput = true,
        };
        foreach (string? argument in new[] { "--port", port.ToString(CultureInfo.InvariantCulture), "--bind", "127.0.0.1", "--save", "",
            "--daemonize", "no" })
            start.ArgumentList.Add(argument);
        var server = new BenchRedis(Process.Start(start)!, port);
        server._process.BeginOutputReadLine();
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                using var client = new TcpClient();
                await client.ConnectAsync(IPAddress.Loopback, port);
                return server;
            }
            catch (SocketException) when (attempt < 200)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(25), TimeProvider.System);
            }
        }
    }

    public void Kill() => _process.Kill();

    public void Signal(string signal)
    {
        using var kill = Process.Start("kill", [signal, ProcessId.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    public async Task<IDatabase> RawAsync() =>
        (await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{Port},connectTimeout=60000")).GetDatabase();

    public StoreLock NewLock() => NewLock(Port);

    public static StoreLock NewLock(int port) => new(NewStore(port));

    public static ILockStore NewStore(int port) =>
        new RedisLockProvider().CreateStore(
            new RedisLockSettings { Port = port, ConnectTimeout = s_patience, CommandTimeout = s_patience });

    public static ILockStore NewQuorum(IReadOnlyList<int> ports) => new RedLockProvider().CreateStore(new RedLockSettings
    {
        Endpoints = [.. ports.Select(static port => new RedisLockSettings { Port = port })], ConnectTimeout = s_patience,
    });

    public ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
            _process.Kill();
        _process.Dispose();
        return ValueTask.CompletedTask;
    }
}
