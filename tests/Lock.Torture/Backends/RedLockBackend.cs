using System.Globalization;

namespace Locking.Torture;

/// <summary>A quorum over three servers without persistence, of which a minority, one at a time, is emptied, frozen,
/// killed or cut off.</summary>
internal sealed class RedLockBackend : IBackend
{
    /// <summary>The longest lease that workers of a ttl of one second ask for: so long a node that restarted does not vote.</summary>
    private const int LongestTtl = 1500;

    private readonly List<RedisNode> _nodes = [];
    private readonly List<FakeClock> _clocks = [];

    public IReadOnlyList<int> Ports => [.. _nodes.Select(static node => node.Network.Port)];

    public IReadOnlyDictionary<string, Func<Nemesis, Task>> Faults => new Dictionary<string, Func<Nemesis, Task>>(StringComparer.Ordinal)
    {
        ["minority-kill"] = nemesis => RestartAsync(nemesis, Any(nemesis), 0.5),
        ["minority-kill-twice"] = async nemesis =>
        {
            RedisNode node = Any(nemesis);
            await RestartAsync(nemesis, node, 0);
            await RestartAsync(nemesis, node, 0.1);
        },
        ["minority-flush"] = async nemesis =>
        {
            await Any(nemesis).AskAsync("FLUSHALL");
            await WaitOutAsync(nemesis);
        },
        ["minority-stale-snapshot"] = async nemesis =>
        {
            RedisNode node = Any(nemesis);
            await node.SaveAsync();
            await nemesis.RestAsync(1.5);
            await node.Process.KillAsync();
            await node.ServeSavedAsync();
            await WaitOutAsync(nemesis);
        },
        ["minority-freeze"] = async nemesis =>
        {
            RedisNode node = Any(nemesis);
            node.Process.Freeze();
            await nemesis.RestAsync(1.5);
            node.Process.Thaw();
        },
        ["minority-cut"] = nemesis => nemesis.WeatherAsync(Any(nemesis).Network, Weather.Cut),
        ["minority-silent"] = nemesis => nemesis.WeatherAsync(Any(nemesis).Network, Weather.Silent),
        ["minority-answers-lost"] = nemesis => nemesis.WeatherAsync(Any(nemesis).Network, Weather.AnswersLost),
        ["minority-clock"] = async nemesis =>
        {
            // What a node forgets at a step forth, the others know: nothing may come of it.
            await _clocks[nemesis.Random.Next(_clocks.Count)].WanderAsync(nemesis, static step => step(), mayBeAhead: true);
            await WaitOutAsync(nemesis);
        },
        ["network-slow"] = async nemesis =>
        {
            foreach (RedisNode node in _nodes)
                node.Network.Set(Weather.Slow);
            await nemesis.RestAsync(2);
            foreach (RedisNode node in _nodes)
                node.Network.Set(Weather.Fair);
        },
        ["network-break"] = async nemesis =>
        {
            foreach (RedisNode node in _nodes)
                await nemesis.BreakAsync(node.Network, half: false);
        },
        ["majority-silent"] = async nemesis =>
        {
            await Task.WhenAll(_nodes.Take(2).Select(node => nemesis.WeatherAsync(node.Network, Weather.Silent)));
        },
    };

    public void Prepare(Func<string, bool> isChosen)
    {
        for (int i = 0; i < 3 && isChosen("minority-clock"); i++)
            _clocks.Add(new FakeClock());
    }

    public async Task StartAsync(string folder, int seed)
    {
        for (int i = 0; i < 3; i++)
            _nodes.Add(new RedisNode(Path.Combine(folder, $"node{i}"), seed + i, persists: false, _clocks.ElementAtOrDefault(i)));
        await Task.WhenAll(_nodes.Select(static node => node.StartAsync()));
    }

    public string Config(int worker) => $$"""{"type":"redLock","connection":{"endpoints":[{{string.Join(',', _nodes.Select(static node =>
        string.Create(CultureInfo.InvariantCulture, $$"""{"host":"127.0.0.1","port":{{node.Network.Port}} }""")))}}] },"lockOptions":{"ttl":{{LongestTtl}}} }""";

    public async Task<IReadOnlyList<string>> LeftoversAsync() =>
        [.. (await Task.WhenAll(_nodes.Select(static node => node.LeftoversAsync()))).SelectMany(static left => left)];

    public async ValueTask DisposeAsync()
    {
        foreach (RedisNode node in _nodes)
            await node.DisposeAsync();
        foreach (FakeClock clock in _clocks)
            clock.Dispose();
    }

    private RedisNode Any(Nemesis nemesis) => _nodes[nemesis.Random.Next(_nodes.Count)];

    private static async Task RestartAsync(Nemesis nemesis, RedisNode node, double rest)
    {
        await node.Process.KillAsync();
        await nemesis.RestAsync(rest);
        await node.ServeAsync();
        await WaitOutAsync(nemesis);
    }

    /// <summary>A minority: the next node is not hurt before the leases that this one forgot have ended.</summary>
    private static Task WaitOutAsync(Nemesis nemesis) => Task.Delay(TimeSpan.FromMilliseconds(LongestTtl + 500), TimeProvider.System);
}
