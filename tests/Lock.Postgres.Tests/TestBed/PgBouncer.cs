using System.Diagnostics;
using System.Globalization;
using Locking.Conformance;
using Npgsql;

namespace Locking;

/// <summary>A pooler in front of a server, which gives its connections away after each transaction.</summary>
internal sealed class PgBouncer : IAsyncDisposable
{
    private readonly string _folder = ServerProcess.CreateFolder();
    private readonly string _settings;
    private Process _process;

    private PgBouncer(PostgresServer server, string mode)
    {
        Port = ServerProcess.FreePort();
        _settings = Path.Combine(_folder, "pgbouncer.ini");
        // Two connections for all clients: whoever counts on keeping one is found out. After a failed login it tries again soon: by default
        // it lets every client wait for 15 s, as long as they wait for a connection.
        File.WriteAllText(_settings, string.Create(CultureInfo.InvariantCulture, $"""
            [databases]
            postgres = host=127.0.0.1 port={server.Port}
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = {Port}
            unix_socket_dir =
            auth_type = any
            pool_mode = {mode}
            default_pool_size = {(mode == "session" ? 20 : 2)}
            ignore_startup_parameters = extra_float_digits
            server_login_retry = 1
            """).Replace("postgres = host", "postgres = user=postgres host", StringComparison.Ordinal));
        _process = ServerProcess.StartServer(Path.Combine(_folder, "log"), ServerProcess.PgBouncer, _settings);
    }

    public int Port { get; }

    public string ConnectionString => $"Host=127.0.0.1;Port={Port};Username=postgres;Database=postgres;No Reset On Close=true";

    public static async Task<PgBouncer> StartAsync(PostgresServer server, string mode = "transaction")
    {
        var bouncer = new PgBouncer(server, mode);
        await Eventually.TrueAsync(bouncer.AnswersAsync, "PgBouncer has started: " + bouncer._folder);
        return bouncer;
    }

    /// <summary>Starts it again where it has ended by itself, as the machine's supervisor does.</summary>
    public void StartAgainIfEnded()
    {
        if (_process.HasExited) _process = ServerProcess.StartServer(Path.Combine(_folder, "log"), ServerProcess.PgBouncer, _settings);
    }

    public async ValueTask DisposeAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task<bool> AnswersAsync()
    {
        try
        {
            await using NpgsqlConnection connection = new(ConnectionString + ";Pooling=false");
            await connection.OpenAsync();
            return true;
        }
        catch (NpgsqlException) when (!_process.HasExited)
        {
            return false;
        }
    }
}
