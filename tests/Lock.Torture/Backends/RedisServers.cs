using System.Net;
using System.Net.Sockets;
using Locking.Testing;

namespace Locking.Torture;

/// <summary>A Redis server of a torture, behind a network; with a wall clock of its own, or the machine's.</summary>
internal sealed class RedisNode(string folder, int seed, bool persists, FakeClock? clock = null) : IAsyncDisposable
{
    /// <summary>Ends of companions that stay, beside the token counters of the slots: token counters of other formats, a node's note of its
    /// life, the longest lease that was asked for.</summary>
    private static readonly string[] s_kept = ["f", "life", "ttls"];

    private ChildProcess? _process;

    public int Port { get; } = FreePort();

    public FaultProxy Network { get; private set; } = null!;

    public ChildProcess Process => _process!;

    private IEnumerable<string> Words =>
    [
        "--port", $"{Port}", "--bind", "127.0.0.1", "--daemonize", "no", "--save", "", "--enable-debug-command", "yes",
        "--repl-diskless-sync-delay", "0",
        .. persists ? ["--appendonly", "yes", "--appendfsync", "always"] : Array.Empty<string>(),
    ];

    public async Task StartAsync()
    {
        Directory.CreateDirectory(folder);
        await ServeAsync();
        Network = new FaultProxy(Port, seed);
    }

    public async Task ServeAsync()
    {
        _process?.Dispose();
        _process = new ChildProcess(Environment.GetEnvironmentVariable("LOCK_TEST_REDIS_SERVER") ?? "redis-server", Words,
            clock?.Environment(), folder: folder);
        await Nemesis.UntilAsync(async () =>
            await AskAsync("PING") is "PONG"
                || (_process.HasEnded ? throw new InvalidOperationException($"redis-server on port {Port} has ended.") : false),
            $"redis-server on port {Port} answers");
    }

    /// <summary>Puts down what it holds in memory, for a later start.</summary>
    public async Task SaveAsync() => await AskAsync("SAVE");

    /// <summary>Starts it with what was saved last, which is not there for the start after it.</summary>
    public async Task ServeSavedAsync()
    {
        await ServeAsync();
        File.Delete(Path.Combine(folder, "dump.rdb"));
    }

    /// <summary>Somebody removes its files while it runs.</summary>
    public void RemoveFiles()
    {
        foreach (string one in Directory.GetDirectories(folder))
            Directory.Delete(one, recursive: true);
        foreach (string one in Directory.GetFiles(folder))
            File.Delete(one);
    }

    /// <summary>Makes it a replica, and waits until it has what the master has.</summary>
    public async Task FollowAsync(RedisNode master)
    {
        ArgumentNullException.ThrowIfNull(master);
        await AskAsync("REPLICAOF", "127.0.0.1", $"{master.Port}");
        await Nemesis.UntilAsync(IsFollowingAsync, $"the replica on port {Port} follows");
    }

    /// <summary>Whether it is a replica that is connected to its master.</summary>
    public async Task<bool> IsFollowingAsync() => await AskAsync("INFO", "replication") is string info
        && info.Contains("master_link_status:up", StringComparison.Ordinal);

    /// <summary>One command on a connection of its own, around the network; null when there is no answer.</summary>
    public Task<object?> AskAsync(params string[] words) => RawRedis.AskAsync(Port, words);

    /// <summary>What is not a token counter or a note of the quorum, and who still listens for a key.</summary>
    public async Task<IReadOnlyList<string>> LeftoversAsync()
    {
        List<string> left = [];
        foreach (string key in (await AskAsync("KEYS", "*") as object?[] ?? []).OfType<string>())
        {
            if (key.StartsWith("\uFFFDc", StringComparison.Ordinal) || key == "@simple-redis-mutex:fencing-tokens"
                || s_kept.Any(end => key.EndsWith("\uFFFD" + end, StringComparison.Ordinal)))
                continue;
            (object? type, object? life) = (await AskAsync("TYPE", key), await AskAsync("PTTL", key));
            left.Add($"{key} ({type}, {life} ms) on port {Port}");
        }

        return left;
    }

    public async ValueTask DisposeAsync()
    {
        if (Network is not null)
            await Network.DisposeAsync();
        _process?.Dispose();
    }

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
