using System.Diagnostics;
using System.Globalization;
using Npgsql;

namespace Locking.Bench.Postgres;

/// <summary>A server of the benchmark's own.</summary>
internal sealed class BenchPostgres : IAsyncDisposable
{
    private readonly string _folder = ServerProcess.CreateFolder();
    private readonly int _port = ServerProcess.FreePort();
    private Process? _process;

    public int Port => _port;

    /// <summary>Starts it.</summary>
    /// <param name="flushes">Whether it waits for the disk, as a server in production does.</param>
    public static async Task<BenchPostgres> StartAsync(bool flushes)
    {
        var server = new BenchPostgres();
        var data = Path.Combine(server._folder, "data");
        await ServerProcess.RunAsync(Path.Combine(ServerProcess.Programs, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "--no-locale", "-E", "UTF8");
        server._process = ServerProcess.StartServer(
            Path.Combine(server._folder, "log"), Path.Combine(ServerProcess.Programs, "postgres"), "-D", data, "-p", server._port.ToString(CultureInfo.InvariantCulture),
            "-c", $"fsync={(flushes ? "on" : "off")}", "-c", "max_connections=300", "-c", "listen_addresses=127.0.0.1", "-c", $"unix_socket_directories={server._folder}");
        while (!await server.AnswersAsync())
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System);
        return server;
    }

    public async ValueTask DisposeAsync()
    {
        await ServerProcess.RunAsync("kill", "-QUIT", _process!.Id.ToString(CultureInfo.InvariantCulture));
        await _process.WaitForExitAsync();
        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task<bool> AnswersAsync()
    {
        try
        {
            await using var connection = new NpgsqlConnection(PostgresLibrary.ConnectionString(_port) + ";Pooling=false");
            await connection.OpenAsync();
            return true;
        }
        catch (NpgsqlException) when (!_process!.HasExited)
        {
            return false;
        }
    }
}
