using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace Locking;

/// <summary>An engine for one test, with a gateway in front, to be killed and started again on the same ports with the same data.</summary>
internal sealed class OwnEngine : IAsyncDisposable
{
    private readonly string _folder = Repository.In(".testbed", "mongo-own-" + Guid.NewGuid().ToString("N")[..8]);
    private int _port;
    private int _gatewayPort;
    private NpgsqlDataSource? _source;
    private MongoGateway? _gateway;
    private bool _isKilled;

    private OwnEngine()
    {
    }

    public MongoGateway Gateway => _gateway!;

    public static async Task<OwnEngine> StartAsync()
    {
        var engine = new OwnEngine { _port = FreePort() };
        await engine.ScriptAsync("start");
        engine._source = MongoEngine.Connect(engine._port);
        // What was confirmed must be there after a kill, as with a server that keeps a journal.
        await using (
            NpgsqlCommand command =
            engine._source.CreateCommand("ALTER SYSTEM SET synchronous_commit = on")) await command.ExecuteNonQueryAsync();
        await using (NpgsqlCommand command = engine._source.CreateCommand("SELECT pg_reload_conf()")) await command.ExecuteNonQueryAsync();
        engine._gateway = MongoGateway.Start(engine._source);
        engine._gatewayPort = engine._gateway.Port;
        return engine;
    }

    /// <summary>Ends the engine as <c>kill -9</c> does, with all that it was doing, and the gateway with it: clients see connections break,
    /// then be refused.</summary>
    public async Task KillAsync()
    {
        int id = int.Parse(File.ReadLines(Path.Combine(_folder, "data", "postmaster.pid")).First(), CultureInfo.InvariantCulture);
        using (Process server = Process.GetProcessById(id)) server.Kill();
        await Gateway.DisposeAsync();
        _isKilled = true;
    }

    /// <summary>Starts it again, where it was, and on what it had written.</summary>
    public async Task RestartAsync()
    {
        _source!.Clear();
        // Where nobody takes dead processes away, its number still looks alive.
        File.Delete(Path.Combine(_folder, "data", "postmaster.pid"));
        await Conformance.Eventually.TrueAsync(HasStartedAsync, "the engine has started again");
        _gateway = MongoGateway.Start(_source, port: _gatewayPort);
        _isKilled = false;
    }

    /// <summary>The children of the one that was killed see that it is gone, and end; until then a new one refuses to start.</summary>
    private async Task<bool> HasStartedAsync()
    {
        try
        {
            await ScriptAsync("start");
            return true;
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_gateway is not null && !_isKilled) await _gateway.DisposeAsync();
        if (_source is not null) await _source.DisposeAsync();
        await ScriptAsync("stop");
        Directory.Delete(_folder, recursive: true);
    }

    private async Task ScriptAsync(string action)
    {
        string[] script = [Repository.In("eng", "mongo-testbed.sh"), action, Repository.In(".testbed", "mongo"),
            _port.ToString(CultureInfo.InvariantCulture)];
        (int code, _, string error) = await Repository.RunAsync("env", [$"DATABASE={_folder}", "bash", .. script]);
        if (code != 0) throw new InvalidOperationException($"eng/mongo-testbed.sh {action} failed ({code}): {error.Trim()}");
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
