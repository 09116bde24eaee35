using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace Locking;

/// <summary>The engine behind all gateways of this process: started by the first fixture, stopped with the last, unless somebody else
/// started it.</summary>
internal static class MongoEngine
{
    private static readonly SemaphoreSlim s_gate = new(1);
    private static NpgsqlDataSource? _source;
    private static int _users;
    private static bool _startedHere;

    public static async Task<NpgsqlDataSource> StartAsync()
    {
        await s_gate.WaitAsync();
        try
        {
            _source ??= Connect(await FindOrStartAsync());
            _users++;
            return _source;
        }
        finally
        {
            s_gate.Release();
        }
    }

    public static async Task StopAsync()
    {
        await s_gate.WaitAsync();
        try
        {
            if (--_users > 0) return;
            await _source!.DisposeAsync();
            _source = null;
            if (_startedHere) await ScriptAsync("stop");
            _startedHere = false;
        }
        finally
        {
            s_gate.Release();
        }
    }

    public static NpgsqlDataSource Connect(int port) => NpgsqlDataSource.Create(
        $"Host=127.0.0.1;Port={port};Username=postgres;Database=postgres;Maximum Pool Size=50;Max Auto Prepare=40;Auto Prepare Min "
            + "Usages=2;No Reset On Close=true;Search Path=\"documentdb_core,documentdb_api_catalog,documentdb_api,public\"");

    private static async Task<int> FindOrStartAsync()
    {
        if (Environment.GetEnvironmentVariable("LOCK_TEST_MONGO_PG") is { Length: > 0 } given)
        {
            return int.TryParse(given, NumberStyles.None, CultureInfo.InvariantCulture, out int port)
                ? port
                : throw new InvalidOperationException($"LOCK_TEST_MONGO_PG is '{given}'; it must be the port of the running engine "
                    + "(eng/mongo-testbed.sh start).");
        }

        (int code, string output, _) = await Repository.RunAsync("bash", Script, "status");
        if (code == 0) return int.Parse(output, CultureInfo.InvariantCulture);
        string started = await ScriptAsync("start", Repository.In(".testbed", "mongo"), FreePort().ToString(CultureInfo.InvariantCulture));
        _startedHere = true;
        return int.Parse(started, CultureInfo.InvariantCulture);
    }

    private static string Script => Repository.In("eng", "mongo-testbed.sh");

    private static async Task<string> ScriptAsync(params string[] arguments)
    {
        (int code, string output, string error) = await Repository.RunAsync("bash", [Script, .. arguments]);
        return code == 0
            ? output
            : throw new InvalidOperationException($"eng/mongo-testbed.sh {arguments[0]} failed ({code}): {error.Trim()} Install the "
                + "engine with 'eng/mongo-testbed.sh install' (53 MB); docs/mongo.md has more.");
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
