using System.Diagnostics;
using System.Globalization;
using Npgsql;

namespace Locking;

/// <summary>A PostgreSQL server with data of its own, to be stopped, killed, followed and started again.</summary>
internal sealed class PostgresServer : IAsyncDisposable
{
    private readonly List<string> _settings;
    private readonly Func<string[]> _launcher;
    private Process? _process;

    private PostgresServer(string folder, IEnumerable<string> settings, Func<string[]>? launcher = null)
    {
        _launcher = launcher ?? (static () => []);
        Folder = folder;
        Port = ServerProcess.FreePort();
        _settings = [.. settings];
        Source = NpgsqlDataSource.Create(ConnectionString + ";Include Error Detail=true");
    }

    public string Folder { get; }

    public int Port { get; }

    /// <summary>For a role of this name.</summary>
    public string ConnectionStringOf(string role) =>
        ConnectionString.Replace("Username=postgres", "Username=" + role, StringComparison.Ordinal);

    public string ConnectionString => $"Host=127.0.0.1;Port={Port};Username=postgres;Database=postgres;Timeout=30";

    /// <summary>The superuser's connections, for what a test does beside the locks.</summary>
    public NpgsqlDataSource Source { get; }

    /// <summary>Starts a new server. The role needs_password has to show one, needs_tls to come by TLS; all others are trusted.</summary>
    /// <param name="settings">Lines of postgresql.conf.</param>
    public static Task<PostgresServer> StartAsync(params string[] settings) => StartUnderAsync(static () => [], null, settings);

    /// <summary>The same, started by another program.</summary>
    /// <param name="launcher">That program's path and words, before the server's own; asked at each start.</param>
    /// <param name="folder">For its files, removed at the end; null: a new one.</param>
    /// <param name="settings">Lines of postgresql.conf.</param>
    public static async Task<PostgresServer> StartUnderAsync(Func<string[]> launcher, string? folder, params string[] settings)
    {
        var server = new PostgresServer(folder ?? ServerProcess.CreateFolder(), settings, launcher);
        await server.CreateAsync();
        await server.StartAgainAsync();
        return server;
    }

    /// <summary>Makes an empty database in place of what is there. The server does not run.</summary>
    public async Task CreateAsync()
    {
        // The folder itself may be a mount.
        if (Directory.Exists(Data)) await ServerProcess.RunAsync("find", Data, "-mindepth", "1", "-delete");
        await ServerProcess.RunAsync(Program("initdb"), "-D", Data, "-U", "postgres", "-A", "trust", "--no-sync", "--no-locale",
            "-E", "UTF8");
        await File.WriteAllTextAsync(Path.Combine(Data, "pg_hba.conf"), """
            host all needs_password all scram-sha-256
            hostnossl all needs_tls all reject
            local all all trust
            host all all all trust
            host replication all all trust
            """);
    }

    /// <summary>Starts a standby that follows this server.</summary>
    public async Task<PostgresServer> StartStandbyAsync()
    {
        var standby = new PostgresServer(ServerProcess.CreateFolder(), []);
        await ServerProcess.RunAsync(
            Program("pg_basebackup"), "-D", standby.Data, "-R", "-X", "stream", "-c", "fast", "--no-sync", "-h", "127.0.0.1", "-p",
            Port.ToString(CultureInfo.InvariantCulture), "-U", "postgres");
        await standby.StartAgainAsync();
        return standby;
    }

    /// <summary>Starts the stopped server on its port and data.</summary>
    public async Task StartAgainAsync()
    {
        File.Delete(Path.Combine(Data, "postmaster.pid"));
        string[] settings = ["fsync=off", "max_connections=200", "max_wal_senders=4", "wal_level=replica", "listen_addresses=127.0.0.1",
            $"unix_socket_directories={Folder}", "jit=off", .. _settings];
        await UntilAsync(async () =>
        {
            if (_process is not { HasExited: false })
            {
                string[] line = [.. _launcher(), Program("postgres"), "-D", Data, "-p", Port.ToString(CultureInfo.InvariantCulture),
                    .. settings.SelectMany(static one => (string[])["-c", one])];
                _process = ServerProcess.StartServer(Path.Combine(Folder, "log"), line[0], line[1..]);
            }

            return await AnswersAsync();
        }, "the server has started: " + Path.Combine(Folder, "log"));
    }

    /// <summary>Lets the server speak TLS too.</summary>
    public async Task UseTlsAsync(string certificate, string key)
    {
        foreach ((string name, string text) in ((string, string)[])[("server.crt", certificate), ("server.key", key)])
        {
            string file = Path.Combine(Data, name);
            await File.WriteAllTextAsync(file, text);
            await ServerProcess.RunAsync("chmod", "600", file);
            if (Environment.IsPrivilegedProcess) await ServerProcess.RunAsync("chown", "65534:65534", file);
        }

        await ExecuteAsync("ALTER SYSTEM SET ssl = on");
        await ExecuteAsync("SELECT pg_reload_conf()");
        await UntilAsync(async () => await ReadAsync<string>("SHOW ssl") == "on", "the server speaks TLS");
    }

    /// <summary>Stops it as an operator does: sessions are told (57P01) and ended.</summary>
    public async Task StopAsync() => await SignalAsync("-INT");

    /// <summary>Ends it as a crash does.</summary>
    public async Task KillAsync() => await SignalAsync("-QUIT");

    /// <summary>kill -9 of the server and all its processes.</summary>
    public async Task KillAllAsync()
    {
        if (_process is not { HasExited: false } postmaster) return;
        // Stopped first: it starts no process that would outlive it beside the next server.
        await ServerProcess.RunAsync("kill", "-STOP", Text(postmaster.Id));
        List<string> all = Processes(postmaster);
        await SignalAsync("-KILL", all);
        await postmaster.WaitForExitAsync();
        await UntilAsync(() => Task.FromResult(all.TrueForAll(static one => !Directory.Exists("/proc/" + one))),
            "the server's processes have ended");
        Source.Clear();
    }

    /// <summary>The numbers of its processes; none when it does not run.</summary>
    public IReadOnlyList<int> ProcessIds() => _process is { HasExited: false } postmaster
        ? [.. Processes(postmaster).Select(static one => int.Parse(one, CultureInfo.InvariantCulture))]
        : [];

    /// <summary>A signal for the server and all its processes.</summary>
    public async Task SignalAllAsync(string signal)
    {
        if (_process is { HasExited: false } postmaster) await SignalAsync(signal, Processes(postmaster));
    }

    public async Task ExecuteAsync(string statement)
    {
        await using NpgsqlCommand command = Source.CreateCommand(statement);
        await command.ExecuteNonQueryAsync();
    }

    public async Task<T> ReadAsync<T>(string statement)
    {
        await using NpgsqlCommand command = Source.CreateCommand(statement);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    public async ValueTask DisposeAsync()
    {
        await Source.DisposeAsync();
        await KillAsync();
        Directory.Delete(Folder, recursive: true);
    }

    private string Data => Path.Combine(Folder, "data");

    private static string Program(string name) => Path.Combine(ServerProcess.Programs, name);

    /// <summary>Waits for what a server that is well does within a moment.</summary>
    private static async Task UntilAsync(Func<Task<bool>> condition, string what)
    {
        long since = TimeProvider.System.GetTimestamp();
        while (!await condition())
        {
            if (TimeProvider.System.GetElapsedTime(since) > TimeSpan.FromMinutes(2))
                throw new InvalidOperationException($"Did not happen within two minutes: {what}.");
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
        }
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static List<string> Processes(Process postmaster) =>
        [Text(postmaster.Id),
            .. File.ReadAllText($"/proc/{Text(postmaster.Id)}/task/{Text(postmaster.Id)}/children")
                .Split(' ', StringSplitOptions.RemoveEmptyEntries)];

    /// <summary>Some of them may have ended by themselves.</summary>
    private static async Task SignalAsync(string signal, List<string> processes)
    {
        foreach (string one in processes)
        {
            try
            {
                await ServerProcess.RunAsync("kill", signal, one);
            }
            catch (InvalidOperationException)
            {
                if (Directory.Exists("/proc/" + one)) throw;
            }
        }
    }

    private async Task SignalAsync(string signal)
    {
        if (_process is not { HasExited: false }) return;
        await ServerProcess.RunAsync("kill", signal, _process.Id.ToString(CultureInfo.InvariantCulture));
        await _process.WaitForExitAsync();
        Source.Clear();
    }

    private async Task<bool> AnswersAsync()
    {
        try
        {
            await using NpgsqlConnection connection = new(ConnectionString + ";Pooling=false");
            await connection.OpenAsync();
            return true;
        }
        catch (NpgsqlException)
        {
            return false;
        }
    }
}
