using System.Globalization;

namespace Locking.Torture;

/// <summary>One Redis server: without persistence (it may forget at every restart), with all of it,
/// or with a replica that may be promoted (and forget).</summary>
internal sealed class RedisBackend(bool persists, bool replicates) : IBackend
{
    private RedisNode _node = null!;
    private RedisNode? _replica;

    public IReadOnlyList<int> Ports => [_node.Network.Port];

    public IReadOnlyDictionary<string, Func<Nemesis, Task>> Faults
    {
        get
        {
            var faults = new Dictionary<string, Func<Nemesis, Task>>(StringComparer.Ordinal)
            {
                ["store-freeze"] = async nemesis =>
                {
                    _node.Process.Freeze();
                    await nemesis.RestAsync(1.5);
                    _node.Process.Thaw();
                },
                ["store-flush-scripts"] = async nemesis =>
                {
                    await _node.AskAsync("SCRIPT", "FLUSH");
                    await nemesis.RestAsync(0.1);
                },
                ["network-cut"] = nemesis => nemesis.WeatherAsync(_node.Network, Weather.Cut),
                ["network-silent"] = nemesis => nemesis.WeatherAsync(_node.Network, Weather.Silent),
                ["network-slow"] = nemesis => nemesis.WeatherAsync(_node.Network, Weather.Slow),
                ["network-answers-lost"] = nemesis => nemesis.WeatherAsync(_node.Network, Weather.AnswersLost),
                ["network-break"] = nemesis => nemesis.BreakAsync(_node.Network, half: false),
                ["network-half"] = nemesis => nemesis.BreakAsync(_node.Network, half: true),
            };
            if (replicates)
            {
                faults["store-failover"] = FailOverAsync;
                return faults;
            }

            faults["store-kill"] = nemesis => RestartAsync(nemesis, 0.5, _node.Process.KillAsync);
            faults["store-term"] = nemesis => RestartAsync(nemesis, 0.5, () => _node.Process.TermAsync(TimeSpan.FromSeconds(10)));
            faults["store-kill-twice"] = async nemesis =>
            {
                await RestartAsync(nemesis, 0, _node.Process.KillAsync);
                await RestartAsync(nemesis, 0.1, () => _node.Process.KillAsync());
            };
            if (!persists)
                faults["store-flush"] = nemesis => nemesis.ForgetAsync(() => _node.AskAsync("FLUSHALL"));
            return faults;
        }
    }

    public async Task StartAsync(string folder, int seed)
    {
        _node = new RedisNode(Path.Combine(folder, "one"), seed, persists);
        await _node.StartAsync();
        if (!replicates)
            return;
        _replica = new RedisNode(Path.Combine(folder, "two"), seed + 1, persists: false);
        await _replica.StartAsync();
        await FollowAsync();
    }

    public string Config(int worker) =>
        string.Create(CultureInfo.InvariantCulture,
            $$"""{"type":"redis","connection":{"host":"127.0.0.1","port":{{_node.Network.Port}} } }""");

    public Task<IReadOnlyList<string>> LeftoversAsync() => _node.LeftoversAsync();

    public async ValueTask DisposeAsync()
    {
        await _node.DisposeAsync();
        if (_replica is not null)
            await _replica.DisposeAsync();
    }

    private async Task RestartAsync(Nemesis nemesis, double rest, Func<Task> end)
    {
        async Task All()
        {
            await end();
            await nemesis.RestAsync(rest);
            await _node.ServeAsync();
        }

        await (persists ? All() : nemesis.ForgetAsync(All));
    }

    /// <summary>The replica, which lags (it was frozen), is what the master becomes: the master is filled from it.
    /// Clients see the same address.</summary>
    private async Task FailOverAsync(Nemesis nemesis)
    {
        _replica!.Process.Freeze();
        await nemesis.RestAsync();
        await nemesis.ForgetAsync(async () =>
        {
            await _node.Process.KillAsync();
            _replica.Process.Thaw();
            await _replica.AskAsync("REPLICAOF", "NO", "ONE");
            await _node.ServeAsync();
            await _node.AskAsync("REPLICAOF", "127.0.0.1", $"{_replica.Port}");
            await UntilAsync(async () =>
                await _node.AskAsync("INFO", "replication") is string info
                    && info.Contains("master_link_status:up", StringComparison.Ordinal));
            await _node.AskAsync("REPLICAOF", "NO", "ONE");
        });
        await FollowAsync();
    }

    private async Task FollowAsync()
    {
        await _replica!.AskAsync("REPLICAOF", "127.0.0.1", $"{_node.Port}");
        await UntilAsync(async () =>
            await _replica.AskAsync("INFO", "replication") is string info
                && info.Contains("master_link_status:up", StringComparison.Ordinal));
    }

    private static async Task UntilAsync(Func<Task<bool>> reached)
    {
        for (var limit = HistoryLog.Now + TimeSpan.FromSeconds(30).Ticks; !await reached();)
        {
            if (HistoryLog.Now > limit)
                throw new TimeoutException("The replica does not follow.");
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
        }
    }
}
