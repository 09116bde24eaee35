using System.Globalization;
using Locking.Testing;

namespace Locking.Torture;

/// <summary>A Sentinel of a torture. Two of three have to agree that the master is gone.</summary>
internal sealed class Sentinel : IAsyncDisposable
{
    private readonly string _file;
    private ChildProcess? _process;

    /// <param name="folder">For its file, in which it keeps what it knows.</param>
    /// <param name="port">Where it listens.</param>
    /// <param name="master">The first master's port.</param>
    public Sentinel(string folder, int port, int master)
    {
        Directory.CreateDirectory(folder);
        Port = port;
        _file = Path.Combine(folder, "sentinel.conf");
        File.WriteAllText(_file, string.Create(CultureInfo.InvariantCulture, $"""
            port {port}
            bind 127.0.0.1
            sentinel monitor mymaster 127.0.0.1 {master} 2
            sentinel down-after-milliseconds mymaster 1000
            sentinel failover-timeout mymaster 3000

            """));
    }

    public int Port { get; }

    public ChildProcess Process => _process!;

    public async Task ServeAsync()
    {
        _process?.Dispose();
        string program = Environment.GetEnvironmentVariable("LOCK_TEST_REDIS_SERVER") ?? "redis-server";
        _process = new ChildProcess(program, [_file, "--sentinel"], folder: Path.GetDirectoryName(_file));
        await Nemesis.UntilAsync(async () => await AskAsync("PING") is "PONG", $"the Sentinel on port {Port} answers");
    }

    /// <summary>Which port the master has by what it knows; null while it does not answer.</summary>
    public async Task<int?> MasterAsync() =>
        await AskAsync("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster") is object?[] and [_, string port]
            ? int.Parse(port, CultureInfo.InvariantCulture)
            : null;

    /// <summary>One command on a connection of its own; null when there is no answer.</summary>
    public Task<object?> AskAsync(params string[] words) => RawRedis.AskAsync(Port, words);

    public ValueTask DisposeAsync()
    {
        _process?.Dispose();
        return ValueTask.CompletedTask;
    }
}
