using System.Globalization;
using System.Text.Json.Nodes;

namespace Locking.Torture;

/// <summary>Starts a backend and the workers, hurts them for a time, lets them get well, looks at what is left,
/// and reads the history.</summary>
public sealed class Storm : IAsyncDisposable
{
    private readonly StormOptions _options;
    private readonly IBackend _backend;
    private readonly FileLog _log;
    private readonly Random _random;
    private readonly Nemesis _nemesis;
    private readonly List<StormWorker> _workers = [];
    private readonly string _resource;
    private readonly WorkerClocks? _clocks;
    private int _started;

    private Storm(StormOptions options)
    {
        Directory.CreateDirectory(options.Folder);
        _options = options;
        _backend = Backends.Make(options.Backend);
        _log = new FileLog(Path.Combine(options.Folder, "nemesis.history"));
        _random = new Random(options.Seed);
        _nemesis = new Nemesis(new Random(options.Seed + 1), options.Ttl, _log);
        _resource = Path.Combine(options.Folder, "resource.sock");
        _clocks = IsChosen("worker-clock") ? new WorkerClocks(_random, options.Ttl) : null;
        _backend.Prepare(IsChosen);
    }

    /// <summary>Runs it.</summary>
    /// <returns>Its history, whose files are in the folder.</returns>
    public static async Task<History> RunAsync(StormOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        await using (var storm = new Storm(options))
            await storm.RunAsync();
        return History.Load(options.Folder);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (StormWorker worker in _workers)
            worker.Process.Dispose();
        await _backend.DisposeAsync();
        _clocks?.Dispose();
        _log.Dispose();
    }

    private async Task RunAsync()
    {
        TimeSpan margin = _options.Margin ?? (_backend.Margin(_options.Ttl) + TimeSpan.FromMilliseconds(3));
        TimeSpan settle = _options.Ttl * 1.5 + TimeSpan.FromSeconds(10);
        Tell(EventKind.Promised, text: new Promise(
            $"{_options.Backend}/{_options.Client}", _options.Seed, _options.Ttl.Ticks, margin.Ticks, _options.Bound.Ticks, settle.Ticks,
            TimeSpan.FromSeconds(5).Ticks).ToString());
        await using var resource = new ResourceServer(_resource, _log);
        await _backend.StartAsync(_options.Folder, _options.Seed);
        for (int i = 0; i < (_backend.IsOneProcess ? 1 : _options.Workers); i++)
            _workers.Add(Start(i));
        await Task.Delay(TimeSpan.FromSeconds(1), TimeProvider.System);
        await HurtAsync();
        await HealAsync();
    }

    private async Task HurtAsync()
    {
        Dictionary<string, Func<Task>> faults = WorkerFaults();
        foreach ((string name, Func<Nemesis, Task> act) in _backend.Faults)
            faults[name] = () => act(_nemesis);
        if (_options.Faults is null)
        {
            foreach (string name in faults.Keys.Where(static name => Machine.Lacks(name) is not null))
                Console.WriteLine($"left out: {name}: {Machine.Lacks(name)}");
        }

        var names = faults.Keys.Where(IsChosen).Order(StringComparer.Ordinal).ToList();
        if (names.Count == 0 && _options.Faults is not ["none"])
            throw new ArgumentException(
                $"{_options.Backend} has none of these faults: {string.Join(", ", faults.Keys.Order(StringComparer.Ordinal))}.");
        for (long end = HistoryLog.Now + _options.Time.Ticks; HistoryLog.Now < end;)
        {
            await Task.Delay(_options.Ttl * (0.1 + (_options.Pause * _random.NextDouble())), TimeProvider.System);
            if (names.Count == 0)
                continue;
            string name = names[_random.Next(names.Count)];
            long from = HistoryLog.Now;
            Tell(EventKind.Fault, text: name);
            await faults[name]();
            Tell(EventKind.Mended, number: from, text: name);
        }
    }

    /// <summary>Whether a fault is to come: all that this machine can do, or those that are named.</summary>
    /// <exception cref="InvalidOperationException">It is named, and this machine cannot do it.</exception>
    private bool IsChosen(string fault)
    {
        if (_options.Faults is { } named && !named.Contains(fault))
            return false;
        string? lack = Machine.Lacks(fault);
        return lack is null || (_options.Faults is null ? false : throw new InvalidOperationException($"{fault}: {lack}"));
    }

    private Dictionary<string, Func<Task>> WorkerFaults()
    {
        var faults = new Dictionary<string, Func<Task>>(StringComparer.Ordinal)
        {
            ["worker-pause"] = () => PauseAsync(1.1 + (1.2 * _random.NextDouble())),
            ["worker-pause-short"] = () => PauseAsync(_random.NextDouble()),
            ["worker-starve"] = () => SayAsync("starve", 2),
            ["worker-collect"] = () => SayAsync("collect", 1),
            ["worker-clock"] = () => _clocks!.StepAsync(),
        };
        if (_backend.IsOneProcess)
            return faults;
        faults["worker-kill"] = () => ReplaceAsync(async worker =>
        {
            Tell(EventKind.Killed, worker.Name);
            await worker.Process.KillAsync();
        });
        faults["worker-term"] = () => ReplaceAsync(async worker =>
        {
            if (!await worker.Process.TermAsync(TimeSpan.FromSeconds(20)))
                _nemesis.Left($"{worker.Name}, which did not end within 20 s of TERM");
        });
        return faults;
    }

    private async Task PauseAsync(double leases)
    {
        StormWorker worker = Any();
        Tell(EventKind.Paused, worker.Name);
        worker.Process.Freeze();
        await Task.Delay(_options.Ttl * leases, TimeProvider.System);
        worker.Process.Thaw();
        Tell(EventKind.Resumed, worker.Name);
    }

    private async Task SayAsync(string what, double leases)
    {
        TimeSpan time = _options.Ttl * (leases * _random.NextDouble());
        Any().Process.Say(string.Create(CultureInfo.InvariantCulture, $"{what} {time.TotalMilliseconds:0}"));
        await Task.Delay(time, TimeProvider.System);
    }

    private async Task ReplaceAsync(Func<StormWorker, Task> end)
    {
        StormWorker worker = Any();
        await end(worker);
        worker.Process.Dispose();
        _workers[_workers.IndexOf(worker)] = Start(worker.Place);
    }

    private async Task HealAsync()
    {
        Tell(EventKind.Healed);
        foreach (StormWorker worker in _workers)
            worker.Process.Say("calm");
        await Task.WhenAny(Task.WhenAll(_workers.Select(static worker => worker.Served.Task)),
            Task.Delay(_options.Bound * 1.2, TimeProvider.System));
        Tell(EventKind.Quiet);
        foreach (StormWorker worker in _workers)
        {
            if (worker.Process.HasEnded)
                _nemesis.Left($"{worker.Name} ended by itself: {worker.LastLine}");
            worker.Process.Say("stop");
        }

        foreach (StormWorker worker in _workers)
        {
            if (await Task.WhenAny(worker.Stopped.Task, Task.Delay(TimeSpan.FromSeconds(20), TimeProvider.System)) != worker.Stopped.Task)
                _nemesis.Left($"{worker.Name} did not stop within 20 s: {worker.LastLine}");
        }

        // What a killed worker held ends with its lease, and what was given back late within a moment.
        await Task.Delay((_options.Ttl * 1.6) + TimeSpan.FromSeconds(1), TimeProvider.System);
        foreach (string left in await _backend.LeftoversAsync())
            _nemesis.Left(left);
        foreach (StormWorker? worker in _workers.Where(static worker => !worker.Process.HasEnded))
        {
            if (!await worker.EndAsync(TimeSpan.FromSeconds(20)))
                _nemesis.Left($"{worker.Name} did not end within 20 s");
        }
    }

    private StormWorker Start(int place)
    {
        int number = _started++;
        string name = number == place ? $"w{place}" : $"w{place}#{number}";
        string[] clients = _options.Client.Split(',');
        string client = clients[place % clients.Length];
        string[] words = [
            "worker", name, $"{_options.Seed + (number * 100)}", $"{_options.Keys}", $"{_options.Tasks}",
            $"{(int)_options.Ttl.TotalMilliseconds}",
            _backend.IsOneProcess ? $"{_options.Workers}" : "1", client, Path.Combine(_options.Folder, $"{name}.history"),
            _resource, $"{_options.Variety}",
        ];
        Dictionary<string, string> environment = new(
            _clocks?.Environment(place) ?? new Dictionary<string, string>(), StringComparer.Ordinal)
        {
            ["LOCK_CONFIG"] = WithFormat(_backend.Config(place), ForeignClients.FormatBeside(clients)),
            ["TORTURE_PORTS"] = string.Join(',', _backend.Ports),
        };
        return new StormWorker(name, place, hear => ForeignClients.Start(client, words, environment, hear));
    }

    private static string WithFormat(string config, string? format)
    {
        if (format is null)
            return config;
        JsonNode all = JsonNode.Parse(config)!;
        (all["lockOptions"] ??= new JsonObject())["format"] = format;
        return all.ToJsonString();
    }

    private StormWorker Any() => _workers[_random.Next(_workers.Count)];

    private void Tell(EventKind kind, string process = "nemesis", long number = 0, string text = "") =>
        _log.Add(new HistoryEvent(HistoryLog.Now, process, kind, Number: number, Text: text));
}

/// <summary>A worker process, and what it has said.</summary>
internal sealed class StormWorker
{
    public StormWorker(string name, int place, Func<Action<string>, ChildProcess> start)
    {
        (Name, Place) = (name, place);
        Process = start(Hear);
    }

    public string Name { get; }

    public int Place { get; }

    public ChildProcess Process { get; }

    public TaskCompletionSource Served { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public TaskCompletionSource Stopped { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public string LastLine { get; private set; } = "";

    /// <summary>Ends it by the end of its input.</summary>
    public Task<bool> EndAsync(TimeSpan atMost) => Process.CloseAsync(atMost);

    private void Hear(string line)
    {
        LastLine = line;
        if (line == "served")
            Served.TrySetResult();
        else if (line == "stopped")
            Stopped.TrySetResult();
    }
}
