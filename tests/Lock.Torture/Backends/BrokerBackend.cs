using System.Globalization;

namespace Locking.Torture;

/// <summary>A broker in a process of its own; every second worker reaches it through a TCP network, the others over its socket.</summary>
internal sealed class BrokerBackend : IBackend
{
    private FakeClock? _clock;
    private bool _isOnSmallDisk;
    private SmallDisk? _disk;
    private string _folder = "";
    private int _port;
    private List<string> _said = [];
    private ChildProcess? _server;
    private FaultProxy? _network;

    public IReadOnlyDictionary<string, Func<Nemesis, Task>> Faults => new Dictionary<string, Func<Nemesis, Task>>(StringComparer.Ordinal)
    {
        ["store-kill"] = async nemesis =>
        {
            await _server!.KillAsync();
            await nemesis.RestAsync();
            await ServeAsync();
        },
        ["store-kill-twice"] = async nemesis =>
        {
            await _server!.KillAsync();
            await ServeAsync();
            await nemesis.RestAsync(0.2);
            await _server.KillAsync();
            await ServeAsync();
        },
        ["store-term"] = nemesis => TermAsync(nemesis, 0.5),
        ["store-term-twice"] = async nemesis =>
        {
            await TermAsync(nemesis, 0);
            await nemesis.RestAsync(0.1);
            await TermAsync(nemesis, 0);
        },
        ["store-kill-then-term"] = async nemesis =>
        {
            await _server!.KillAsync();
            await ServeAsync();
            await TermAsync(nemesis, 0);
        },
        ["store-freeze"] = async nemesis =>
        {
            _server!.Freeze();
            await nemesis.RestAsync(1.5);
            _server.Thaw();
        },
        ["store-directory"] = RemoveFilesAsync,
        ["store-descriptors"] = nemesis => nemesis.ExhaustDescriptorsAsync([_server!.Id], () => _network!.Break(half: false)),
        ["store-disk-full"] = async nemesis =>
        {
            _disk!.Fill();
            await nemesis.RestAsync(1.5);
            _disk.Empty();
            if (!_server!.HasEnded)
                return;
            nemesis.Left(EndedByItself());
            await ServeAsync();
        },
        // The broker counts leases by a clock that nobody can set.
        ["store-clock"] = nemesis => _clock!.StrayAsync(nemesis),
        ["network-cut"] = nemesis => nemesis.WeatherAsync(_network!, Weather.Cut),
        ["network-silent"] = nemesis => nemesis.WeatherAsync(_network!, Weather.Silent),
        ["network-slow"] = nemesis => nemesis.WeatherAsync(_network!, Weather.Slow),
        ["network-answers-lost"] = nemesis => nemesis.WeatherAsync(_network!, Weather.AnswersLost),
        ["network-break"] = nemesis => nemesis.BreakAsync(_network!, half: false),
        ["network-half"] = nemesis => nemesis.BreakAsync(_network!, half: true),
    };

    public IReadOnlyList<int> Ports => [_network!.Port];

    private string SocketPath => Path.Combine(_folder, "run", "broker.sock");

    public void Prepare(Func<string, bool> isChosen)
    {
        _clock = isChosen("store-clock") ? new FakeClock() : null;
        _isOnSmallDisk = isChosen("store-disk-full");
    }

    public async Task StartAsync(string folder, int seed)
    {
        _folder = folder;
        if (_isOnSmallDisk)
            _disk = await SmallDisk.MountAsync(Path.Combine(folder, "run"), megabytes: 16, "mode=700");
        await ServeAsync();
        _network = new FaultProxy(_port, seed);
    }

    public string Config(int worker) => worker % 2 == 0
        ? string.Create(CultureInfo.InvariantCulture,
            $$"""{"type":"broker","connection":{"host":"127.0.0.1","port":{{_network!.Port}} } }""")
        : $$"""{"type":"broker","connection":{"path":"{{SocketPath}}"} }""";

    public async Task<IReadOnlyList<string>> LeftoversAsync()
    {
        if (_server!.HasEnded)
            return [EndedByItself()];
        await using ILock locks = Lock.Create(Config(1));
        List<string> left = [];
        await foreach (LockInfo info in locks.ListAsync(""))
            left.Add($"the lock {info.Key} of {info.Owner}, {info.Remaining.TotalMilliseconds:0} ms");
        return left;
    }

    public async ValueTask DisposeAsync()
    {
        if (_network is not null)
            await _network.DisposeAsync();
        _server?.Dispose();
        if (_disk is not null)
            await _disk.DisposeAsync();
        _clock?.Dispose();
    }

    /// <summary>The broker looks every second whether its files are there, and makes them anew. Where it is killed before that, its record
    /// is gone.</summary>
    private async Task RemoveFilesAsync(Nemesis nemesis)
    {
        foreach (string file in Directory.GetFiles(Path.Combine(_folder, "run")))
            File.Delete(file);
        if (nemesis.Draw() < 0.5)
        {
            await Nemesis.UntilAsync(() => Task.FromResult(File.Exists(SocketPath + ".record") && File.Exists(SocketPath)),
                "the broker makes its files anew");
            return;
        }

        await nemesis.RestAsync(0.3);
        await nemesis.ForgetAsync(async () =>
        {
            await _server!.KillAsync();
            await ServeAsync();
        });
    }

    private string EndedByItself()
    {
        lock (_said)
            return string.Create(CultureInfo.InvariantCulture, $"a broker that ended by itself ({_server!.ExitCode}): ")
                + string.Join("; ", _said.TakeLast(20));
    }

    private async Task TermAsync(Nemesis nemesis, double rest)
    {
        if (!await _server!.TermAsync(TimeSpan.FromSeconds(10)))
            nemesis.Left("a broker that did not end within 10 s of TERM");
        await nemesis.RestAsync(rest);
        await ServeAsync();
    }

    private async Task ServeAsync()
    {
        for (int attempt = 0; ; attempt++)
        {
            _server?.Dispose();
            var first = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
            List<string> said = _said = [];
            _server = ChildProcess.Own(
                ["broker", SocketPath, _port.ToString(CultureInfo.InvariantCulture)], _clock?.Environment(),
                hear: line =>
                {
                    lock (said)
                        said.Add(line);
                    if (line.StartsWith("listening ", StringComparison.Ordinal))
                        first.TrySetResult(line["listening ".Length..]);
                });
            Task ended = _server.EndAsync(CancellationToken.None);
            if (await Task.WhenAny(first.Task, ended).WaitAsync(TimeSpan.FromSeconds(60)) == first.Task)
            {
                _port = int.Parse(await first.Task, CultureInfo.InvariantCulture);
                return;
            }

            lock (said)
            {
                if (attempt == 20)
                    throw new InvalidOperationException("The broker does not start: " + string.Join("; ", said));
            }

            await Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System);
        }
    }
}
