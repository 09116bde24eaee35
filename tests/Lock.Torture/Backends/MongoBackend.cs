using System.Globalization;

namespace Locking.Torture;

/// <summary>The engine of the tests (<c>LOCK_TEST_MONGO_PG</c>) behind a gateway in a process of its own, or a server that
/// <c>LOCK_TEST_MONGODB</c> names, behind a network.</summary>
internal sealed class MongoBackend : IBackend
{
    private readonly string _collection = "torture" + Guid.NewGuid().ToString("N")[..8];
    private ChildProcess? _gateway;
    private FaultProxy? _network;
    private int _port;

    public IReadOnlyDictionary<string, Func<Nemesis, Task>> Faults => new Dictionary<string, Func<Nemesis, Task>>(StringComparer.Ordinal)
    {
        ["store-kill"] = async nemesis =>
        {
            await _gateway!.KillAsync();
            await nemesis.RestAsync(0.5);
            await ServeAsync();
        },
        ["store-kill-twice"] = async nemesis =>
        {
            await _gateway!.KillAsync();
            await ServeAsync();
            await _gateway.KillAsync();
            await ServeAsync();
        },
        ["store-freeze"] = async nemesis =>
        {
            _gateway!.Freeze();
            await nemesis.RestAsync(1.5);
            _gateway.Thaw();
        },
        ["network-cut"] = nemesis => nemesis.WeatherAsync(_network!, Weather.Cut),
        ["network-silent"] = nemesis => nemesis.WeatherAsync(_network!, Weather.Silent),
        ["network-slow"] = nemesis => nemesis.WeatherAsync(_network!, Weather.Slow),
        ["network-answers-lost"] = nemesis => nemesis.WeatherAsync(_network!, Weather.AnswersLost),
        ["network-break"] = nemesis => nemesis.BreakAsync(_network!, half: false),
        ["network-half"] = nemesis => nemesis.BreakAsync(_network!, half: true),
    };

    public async Task StartAsync(string folder, int seed)
    {
        await ServeAsync();
        _network = new FaultProxy(_port, seed);
    }

    public string Config(int worker) => string.Create(
        CultureInfo.InvariantCulture,
        $$"""{"type":"mongo","connection":{"url":"mongodb://127.0.0.1:{{_network!.Port}}/?directConnection=true","collection":"{{_collection}}"} }""");

    public async Task<IReadOnlyList<string>> LeftoversAsync()
    {
        await using ILock locks = Lock.Create(Config(0));
        List<string> left = [];
        await foreach (LockInfo info in locks.ListAsync(""))
            left.Add($"the lock {info.Key} of {info.Owner}, {info.Remaining.TotalMilliseconds:0} ms");
        return left;
    }

    public async ValueTask DisposeAsync()
    {
        if (_network is not null)
            await _network.DisposeAsync();
        _gateway?.Dispose();
    }

    private async Task ServeAsync()
    {
        _gateway?.Dispose();
        var first = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        string assembly = Path.Combine(AppContext.BaseDirectory, "Lock.Mongo.Gateway.dll");
        // Its own settings do not name the framework that this program has its libraries from.
        string[] program = ["exec", "--runtimeconfig", Path.Combine(AppContext.BaseDirectory, "Lock.Torture.runtimeconfig.json"),
            "--depsfile", Path.Combine(AppContext.BaseDirectory, "Lock.Torture.deps.json"), assembly];
        string[] words = _port == 0 ? program : [.. program, "--port", _port.ToString(CultureInfo.InvariantCulture)];
        _gateway = new ChildProcess("dotnet", words, hear: line => first.TrySetResult(line));
        string uri = await first.Task.WaitAsync(TimeSpan.FromSeconds(60));
        _port = uri.StartsWith("mongodb://", StringComparison.Ordinal)
            ? new Uri(uri).Port
            : throw new InvalidOperationException("The gateway says: " + uri);
    }
}
