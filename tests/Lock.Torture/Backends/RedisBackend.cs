using System.Globalization;

namespace Locking.Torture;

/// <summary>One Redis server: without persistence (it may forget at every restart), with all of it,
/// or with a replica that may be promoted (and forget).</summary>
internal sealed class RedisBackend(bool persists, bool replicates) : IBackend
{
    private FakeClock? _clock;
    private bool _isOnSmallDisk;
    private bool _mayBeAhead;
    private SmallDisk? _disk;
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
                ["store-descriptors"] = nemesis =>
                    nemesis.ExhaustDescriptorsAsync([_node.Process.Id], () => _node.Network.Break(half: false)),
                ["store-clock"] = nemesis => _clock!.WanderAsync(nemesis, nemesis.ForgetAsync, _mayBeAhead),
                ["network-cut"] = nemesis => nemesis.WeatherAsync(_node.Network, Weather.Cut),
                ["network-silent"] = nemesis => nemesis.WeatherAsync(_node.Network, Weather.Silent),
                ["network-slow"] = nemesis => nemesis.WeatherAsync(_node.Network, Weather.Slow),
                ["network-answers-lost"] = nemesis => nemesis.WeatherAsync(_node.Network, Weather.AnswersLost),
                ["network-break"] = nemesis => nemesis.BreakAsync(_node.Network, half: false),
                ["network-half"] = nemesis => nemesis.BreakAsync(_node.Network, half: true),
            };
            if (replicates)
                faults["store-failover"] = FailOverAsync;
            else
                AddRestarts(faults);
            if (persists)
                AddFiles(faults);
            else if (!replicates)
                AddLosses(faults);
            return faults;
        }
    }

    public void Prepare(Func<string, bool> isChosen)
    {
        _clock = isChosen("store-clock") ? new FakeClock() : null;
        _mayBeAhead = persists && !isChosen("store-directory");
        _isOnSmallDisk = persists && isChosen("store-disk-full");
    }


    public async Task StartAsync(string folder, int seed)
    {
        string files = Path.Combine(folder, "one");
        if (_isOnSmallDisk)
            _disk = await SmallDisk.MountAsync(files, megabytes: 64);
        _node = new RedisNode(files, seed, persists, _clock);
        await _node.StartAsync();
        if (!replicates)
            return;
        _replica = new RedisNode(Path.Combine(folder, "two"), seed + 1, persists: false, _clock);
        await _replica.StartAsync();
        await _replica.FollowAsync(_node);
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
        if (_disk is not null)
            await _disk.DisposeAsync();
        _clock?.Dispose();
    }

    private void AddRestarts(Dictionary<string, Func<Nemesis, Task>> faults)
    {
        faults["store-kill"] = nemesis => RestartAsync(nemesis, 0.5, _node.Process.KillAsync);
        faults["store-term"] = nemesis => RestartAsync(nemesis, 0.5, () => _node.Process.TermAsync(TimeSpan.FromSeconds(10)));
        faults["store-kill-twice"] = async nemesis =>
        {
            await RestartAsync(nemesis, 0, _node.Process.KillAsync);
            await RestartAsync(nemesis, 0.1, _node.Process.KillAsync);
        };
    }

    private void AddFiles(Dictionary<string, Func<Nemesis, Task>> faults)
    {
        faults["store-disk-full"] = async nemesis =>
        {
            _disk!.Fill();
            await nemesis.RestAsync(1.5);
            _disk.Empty();

            // Told to write always, it ends where it cannot; somebody starts it again.
            await Nemesis.UntilAsync(async () =>
            {
                if (_node.Process.HasEnded)
                    await _node.ServeAsync();
                return await _node.AskAsync("PING") is "PONG";
            }, "the server answers once there is room again");
        };

        // What it writes from here on is in files without a name, and gone with its end.
        faults["store-directory"] = async nemesis =>
        {
            _node.RemoveFiles();
            await nemesis.RestAsync();
            await nemesis.ForgetAsync(async () =>
            {
                await _node.Process.KillAsync();
                await _node.ServeAsync();
            });
        };
    }

    private void AddLosses(Dictionary<string, Func<Nemesis, Task>> faults)
    {
        faults["store-flush"] = nemesis => nemesis.ForgetAsync(() => _node.AskAsync("FLUSHALL"));
        faults["store-stale-snapshot"] = async nemesis =>
        {
            await _node.SaveAsync();
            await nemesis.RestAsync(1.5);
            await nemesis.ForgetAsync(async () =>
            {
                await _node.Process.KillAsync();
                await _node.ServeSavedAsync();
            });
        };
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
            await _node.FollowAsync(_replica);
            await _node.AskAsync("REPLICAOF", "NO", "ONE");
        });
        await _replica.FollowAsync(_node);
    }
}
