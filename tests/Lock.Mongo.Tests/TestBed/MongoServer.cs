using Npgsql;

namespace Locking;

/// <summary>
/// A server for one class of tests. <see cref="Uri"/> is a gateway in front of the engine, or the server that the environment variable
/// LOCK_TEST_MONGODB names. Tests of faults always use a gateway.
/// </summary>
public sealed class MongoServer : IAsyncLifetime
{
    private readonly string? _real;
    private NpgsqlDataSource? _engine;
    private MongoGateway? _gateway;
    private InvalidOperationException? _noEngine;

    public MongoServer()
        : this(Environment.GetEnvironmentVariable("LOCK_TEST_MONGODB"))
    {
    }

    /// <param name="real">What the variable says.</param>
    internal MongoServer(string? real) => _real = real;

    public string Uri { get; private set; } = "";

    /// <summary>A collection for all tests of the class; dropped at its end.</summary>
    public string SharedCollection { get; } = NewCollection();

    internal MongoGateway Gateway => _gateway ?? throw NoEngine();

    /// <summary>A gateway of one's own, to be disposed by the test.</summary>
    internal MongoGateway StartGateway(GatewayOptions? options = null, int port = 0) =>
        MongoGateway.Start(_engine ?? throw NoEngine(), options, port);

    /// <summary>
    /// Where a stopped clock starts. The engine's purge goes by the real time, over every collection: what a test wrote in the year 2000
    /// would be removed while it is held, when the purge of another test runs.
    /// </summary>
    internal static DateTimeOffset LaterThanAnyPurge => TimeProvider.System.GetUtcNow().AddDays(1);

    /// <summary>A collection name that no other test uses.</summary>
    internal static string NewCollection() => "t" + Guid.NewGuid().ToString("N")[..12];

    public async Task InitializeAsync()
    {
        try
        {
            _engine = await MongoEngine.StartAsync();
            _gateway = MongoGateway.Start(_engine);
        }
        catch (InvalidOperationException exception) when (!string.IsNullOrEmpty(_real))
        {
            // A real server is enough for the tests that inject no faults; the others fail with this message.
            _noEngine = exception;
        }

        Uri = string.IsNullOrEmpty(_real) ? Gateway.Uri : _real;
    }

    public async Task DisposeAsync()
    {
        if (Uri.Length > 0) await new TestStore(Uri, SharedCollection).DisposeAsync();
        if (_gateway is not null) await _gateway.DisposeAsync();
        if (_engine is not null) await MongoEngine.StopAsync();
    }

    private InvalidOperationException NoEngine() =>
        new("This test needs the gateway, and the engine behind it is missing. " + _noEngine?.Message, _noEngine);
}
