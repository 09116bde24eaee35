using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Npgsql;

namespace Locking;

/// <summary>How a gateway presents itself.</summary>
/// <param name="Authentication">Commands need a user (SCRAM-SHA-256).</param>
/// <param name="ReplicaSet">Be the only member of this set.</param>
/// <param name="Certificate">Speak TLS with this certificate.</param>
internal sealed record GatewayOptions(bool Authentication = false, string? ReplicaSet = null, X509Certificate2? Certificate = null);

/// <summary>MongoDB's wire protocol in front of the engine: BSON goes to it as it came. Injects faults that no server offers.</summary>
internal sealed class MongoGateway : IAsyncDisposable
{
    private readonly TcpListener _listener;
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<GatewayConnection, Task> _connections = new();
    private readonly Task _accepting;
    private int _connectionId;

    private MongoGateway(NpgsqlDataSource engine, GatewayOptions options, int port)
    {
        Engine = engine;
        Options = options;
        _listener = new TcpListener(IPAddress.Loopback, port);
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public NpgsqlDataSource Engine { get; }

    public GatewayOptions Options { get; }

    public GatewayFaults Faults { get; } = new();

    /// <summary>Added to what the engine's clock says inside expressions.</summary>
    public TimeSpan ClockOffset { get; set; }

    /// <summary>Whose time expressions see instead of the engine's, if set.</summary>
    public TimeProvider? Clock { get; set; }

    /// <summary>Say in greetings that somebody else takes the writes.</summary>
    public string? OtherPrimary { get; set; }

    /// <summary>Name this secondary in greetings, as long as nobody else takes the writes.</summary>
    public string? OtherMember { get; set; }

    /// <summary>What greetings say that this server speaks.</summary>
    public int WireVersion { get; set; } = 21;

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public string Address => $"127.0.0.1:{Port}";

    public string Uri => $"mongodb://{Address}/";

    /// <summary>Connections accepted so far.</summary>
    public int Accepted => Volatile.Read(ref _connectionId);

    public int Open => _connections.Count;

    /// <summary>The names of the commands that came, greetings and farewells left out.</summary>
    public ConcurrentQueue<string> Log { get; } = new();

    /// <param name="engine">The engine.</param>
    /// <param name="options">How to present itself.</param>
    /// <param name="port">0: a free one.</param>
    public static MongoGateway Start(NpgsqlDataSource engine, GatewayOptions? options = null, int port = 0) =>
        new(engine, options ?? new GatewayOptions(), port);

    /// <summary>Closes all connections, as a server that is killed does. It goes on listening.</summary>
    public void CloseConnections()
    {
        foreach (GatewayConnection connection in _connections.Keys) connection.Close();
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        Faults.Release();
        CloseConnections();
        await _accepting;
        await Task.WhenAll(_connections.Values);
        _listener.Dispose();
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                Socket socket = await _listener.AcceptSocketAsync(_stop.Token);
                var connection = new GatewayConnection(this, socket, Interlocked.Increment(ref _connectionId));
                var started = new TaskCompletionSource();
                _connections[connection] = ServeAsync(connection, started.Task);
                started.SetResult();
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or InvalidOperationException)
        {
            // Stopped; between two connections the listener says that it is "not listening".
        }
    }

    private async Task ServeAsync(GatewayConnection connection, Task listed)
    {
        await listed;
        await connection.ServeAsync();
        _connections.TryRemove(connection, out _);
    }
}
