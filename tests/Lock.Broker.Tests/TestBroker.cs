using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;

namespace Locking;

/// <summary>A broker in this process, on a Unix socket in a directory of its own, and on a free TCP port.</summary>
internal sealed class TestBroker : IAsyncDisposable
{
    private readonly string _directory;
    private readonly BrokerServerOptions _options;
    private readonly LockProviderContext _context;
    private readonly List<IAsyncDisposable> _clients = [];

    /// <param name="configure">What is not as usual.</param>
    /// <param name="clock">The broker's clock: leases and time limits run on it. Default: the system's.</param>
    public TestBroker(Func<BrokerServerOptions, BrokerServerOptions>? configure = null, TimeProvider? clock = null)
    {
        _context = LockProviderContext.Default with { TimeProvider = clock ?? TimeProvider.System };
        _directory = Directory.CreateTempSubdirectory("lock-broker-test-").FullName;
        Path = System.IO.Path.Combine(_directory, "broker.sock");
        var options = new BrokerServerOptions { Path = Path, Host = "127.0.0.1", Port = 0 };
        _options = configure is null ? options : configure(options);
        Start();
    }

    public string Path { get; }

    public BrokerServer Server { get; private set; } = null!;

    public BrokerLockSettings Connection => new() { Path = Path, Secret = _options.Secret };

    public BrokerLockSettings TcpConnection => new() { Host = "127.0.0.1", Port = Server.Port, Secret = _options.Secret };

    /// <summary>A store over this broker, disposed with it.</summary>
    public BrokerLockStore Store(BrokerLockSettings? connection = null)
    {
        var store = new BrokerLockStore(connection ?? Connection);
        _clients.Add(store);
        return store;
    }

    /// <summary>A whole lock over this broker, disposed with it.</summary>
    public StoreLock Lock(LockOptions? options = null)
    {
        var locks = new StoreLock(new BrokerLockStore(Connection), options);
        _clients.Add(locks);
        return locks;
    }

    /// <summary>A client that speaks lines by hand.</summary>
    public async Task<RawClient> RawAsync(bool tcp = false)
    {
        RawClient client = tcp
            ? await RawClient.TcpAsync(Server.Port)
            : await RawClient.UnixAsync(Path);
        _clients.Add(client);
        return client;
    }

    /// <summary>Ends the broker and starts another one at the same place.</summary>
    public async Task RestartAsync()
    {
        await StopAsync();
        Start();
    }

    /// <summary>Ends the broker; with locks held, the next one finds what one that crashed leaves.</summary>
    public ValueTask StopAsync() => Server.DisposeAsync();

    public async ValueTask DisposeAsync()
    {
        foreach (IAsyncDisposable client in _clients)
            await client.DisposeAsync();
        await Server.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    /// <summary>Starts a broker at the place of the one that was stopped.</summary>
    public void Start()
    {
        Server = new BrokerServer(_options with { Port = Server?.Port ?? _options.Port }, _context);
        Assert.True(Server.TryStart());
    }
}
