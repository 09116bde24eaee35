using System.Globalization;
using Npgsql;

namespace Locking.Torture;

/// <summary>One PostgreSQL server behind a network: clients reach it directly,
/// or through a pooler that gives its connections away after each transaction.</summary>
internal sealed class PostgresBackend(bool isPooled) : IBackend
{
    private const string Sessions = "pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'";

    private PostgresServer _server = null!;
    private readonly CancellationTokenSource _end = new();
    private PgBouncer? _pooler;
    private Task _supervising = Task.CompletedTask;
    private FaultProxy? _network;
    private FakeClock? _clock;
    private bool _isOnSmallDisk;
    private bool _mayBeAhead;
    private SmallDisk? _disk;

    public IReadOnlyDictionary<string, Func<Nemesis, Task>> Faults => new Dictionary<string, Func<Nemesis, Task>>(StringComparer.Ordinal)
    {
        ["store-kill"] = nemesis => RestartAsync(nemesis, 0.5, _server.KillAllAsync),
        ["store-kill-twice"] = async nemesis =>
        {
            await RestartAsync(nemesis, 0, _server.KillAllAsync);
            await RestartAsync(nemesis, 0.1, _server.KillAllAsync);
        },
        ["store-crash"] = nemesis => RestartAsync(nemesis, 0.5, _server.KillAsync),
        ["store-term-twice"] = async nemesis =>
        {
            await RestartAsync(nemesis, 0.5, _server.StopAsync);
            await RestartAsync(nemesis, 0, _server.StopAsync);
        },
        ["store-freeze"] = async nemesis =>
        {
            await _server.SignalAllAsync("-STOP");
            await nemesis.RestAsync(1.5);
            await _server.SignalAllAsync("-CONT");
        },
        ["store-terminate-sessions"] = async nemesis =>
        {
            await _server.ExecuteAsync($"SELECT pg_terminate_backend(pid) FROM {Sessions}");
            await nemesis.RestAsync(0.2);
        },
        ["store-cancel-statements"] = async nemesis =>
        {
            for (int i = 0; i < 5; i++)
            {
                await _server.ExecuteAsync($"SELECT pg_cancel_backend(pid) FROM {Sessions} AND state = 'active'");
                await nemesis.RestAsync(0.05);
            }
        },
        ["store-vacuum"] = async nemesis =>
        {
            await _server.ExecuteAsync("VACUUM FULL locks");
            await nemesis.RestAsync(0.2);
        },
        ["store-descriptors"] = nemesis =>
            nemesis.ExhaustDescriptorsAsync(_server.ProcessIds(), () => _network!.Break(half: false)),
        ["store-disk-full"] = FillAsync,
        ["store-directory"] = nemesis => nemesis.ForgetAsync(LoseAsync),
        ["store-clock"] = nemesis => _clock!.WanderAsync(nemesis, nemesis.ForgetAsync, _mayBeAhead),
        ["network-cut"] = nemesis => nemesis.WeatherAsync(_network!, Weather.Cut),
        ["network-silent"] = nemesis => nemesis.WeatherAsync(_network!, Weather.Silent),
        ["network-slow"] = nemesis => nemesis.WeatherAsync(_network!, Weather.Slow),
        ["network-answers-lost"] = nemesis => nemesis.WeatherAsync(_network!, Weather.AnswersLost),
        ["network-break"] = nemesis => nemesis.BreakAsync(_network!, half: false),
        ["network-half"] = nemesis => nemesis.BreakAsync(_network!, half: true),
    };

    public void Prepare(Func<string, bool> isChosen)
    {
        _clock = isChosen("store-clock") ? new FakeClock() : null;
        _mayBeAhead = !isChosen("store-directory");
        _isOnSmallDisk = isChosen("store-disk-full");
    }

    public async Task StartAsync(string folder, int seed)
    {
        string files = ServerProcess.CreateFolder();
        if (_isOnSmallDisk)
            _disk = await SmallDisk.MountAsync(Path.Combine(files, "data"), megabytes: 400, "uid=65534", "gid=65534", "mode=700");
        _server = await PostgresServer.StartUnderAsync(_clock is null ? static () => [] : _clock.Launcher, files);
        _pooler = isPooled ? await PgBouncer.StartAsync(_server) : null;
        _supervising = _pooler is null ? Task.CompletedTask : SuperviseAsync(_pooler);
        _network = new FaultProxy(_pooler?.Port ?? _server.Port, seed);

        // Made before anything can interrupt it: what is tried here is not who makes the table.
        await MakeTableAsync();
    }

    public string Config(int worker)
    {
        string port = _network!.Port.ToString(CultureInfo.InvariantCulture);
        return $$"""{"type":"postgres","connection":{"host":"127.0.0.1","port":{{port}},"username":"postgres","database":"postgres"} }""";
    }

    public async Task<IReadOnlyList<string>> LeftoversAsync()
    {
        await using ILock locks = Lock.Create(Config(0));
        List<string> left = [];
        await foreach (LockInfo info in locks.ListAsync(""))
            left.Add($"the lock {info.Key} of {info.Owner}, {info.Remaining.TotalMilliseconds:0} ms");
        long open = await _server.ReadAsync<long>($"SELECT count(*) FROM {Sessions} AND state LIKE 'idle in transaction%'");
        if (open > 0)
            left.Add($"{open} sessions in a transaction");
        return left;
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await _supervising.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _end.Dispose();
        if (_network is not null)
            await _network.DisposeAsync();
        if (_pooler is not null)
            await _pooler.DisposeAsync();
        if (_server is not null)
            await _server.KillAllAsync();
        if (_disk is not null)
            await _disk.DisposeAsync();
        if (_server is not null)
            await _server.DisposeAsync();
        _clock?.Dispose();
    }

    private async Task MakeTableAsync()
    {
        await using ILock locks = Lock.Create(Config(0));
        await locks.GetAsync("none");
    }

    /// <summary>No room, and a new segment of the log that needs some.</summary>
    private async Task FillAsync(Nemesis nemesis)
    {
        _disk!.Fill();
        for (int i = 0; i < 2; i++)
        {
            try
            {
                await _server.ExecuteAsync("SELECT pg_switch_wal()");
            }
            catch (NpgsqlException)
            {
                // It has none: all sessions end, and the server recovers once it can.
            }

            await nemesis.RestAsync(0.7);
        }

        _disk.Empty();
        await _server.StartAgainAsync();
    }

    /// <summary>Somebody removes the database, and makes a new one.</summary>
    private async Task LoseAsync()
    {
        await _server.KillAllAsync();
        await _server.CreateAsync();
        await _server.StartAgainAsync();
        await MakeTableAsync();
    }

    /// <summary>PgBouncer 1.18 ends by itself ("server in bad state") where a statement is cancelled while the server stands
    /// still.</summary>
    private async Task SuperviseAsync(PgBouncer pooler)
    {
        while (true)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, _end.Token);
            pooler.StartAgainIfEnded();
        }
    }

    private async Task RestartAsync(Nemesis nemesis, double rest, Func<Task> end)
    {
        await end();
        await nemesis.RestAsync(rest);
        await _server.StartAgainAsync();
    }
}
