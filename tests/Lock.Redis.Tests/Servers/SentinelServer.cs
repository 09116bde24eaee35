using System.Diagnostics;
using System.Net.Sockets;

namespace Locking.Testing;

/// <summary>A real Sentinel, which watches a master called mymaster.</summary>
public sealed class SentinelServer : IAsyncDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("lock-sentinel-").FullName;
    private Process? _process;

    private SentinelServer()
    {
    }

    /// <summary>Where it listens, on 127.0.0.1.</summary>
    public int Port { get; } = RedisServer.FreePort();

    /// <param name="master">The master's port; null for one that is not there.</param>
    public static async Task<SentinelServer> StartAsync(int? master = null)
    {
        var sentinel = new SentinelServer();
        string file = Path.Combine(sentinel._directory, "sentinel.conf");
        await File.WriteAllTextAsync(file,
            $"port {sentinel.Port}\nbind 127.0.0.1\nsentinel monitor mymaster 127.0.0.1 {master ?? RedisServer.FreePort()} 1\n" +
            "sentinel down-after-milliseconds mymaster 1500\nsentinel failover-timeout mymaster 5000\n");
        string binary = Environment.GetEnvironmentVariable("LOCK_TEST_REDIS_SERVER") ?? "redis-server";
        sentinel._process = Process.Start(
            new ProcessStartInfo(binary, [file, "--sentinel"]) { RedirectStandardOutput = true, WorkingDirectory = sentinel._directory })!;
        sentinel._process.BeginOutputReadLine();
        await Locking.Conformance.Eventually.TrueAsync(sentinel.AnswersAsync, "the Sentinel's answer");
        return sentinel;
    }

    /// <summary>Runs one command.</summary>
    public async Task<object?> CommandAsync(params string[] words)
    {
        await using RawRedis raw = await RawRedis.ConnectAsync(Port, password: null);
        return await raw.CommandAsync(words);
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is { } process)
        {
            process.Kill();
            await process.WaitForExitAsync();
            process.Dispose();
        }

        Directory.Delete(_directory, recursive: true);
    }

    private async Task<bool> AnswersAsync()
    {
        try
        {
            await using RawRedis raw = await RawRedis.ConnectAsync(Port, password: null);
            return await raw.CommandAsync("PING") is "PONG";
        }
        catch (Exception exception) when (exception is SocketException or IOException)
        {
            return false;
        }
    }
}
