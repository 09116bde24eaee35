using System.Globalization;

namespace Locking.Torture;

/// <summary>A master and a replica without persistence, and three Sentinels, which clients ask for the master. A failover may forget, since
/// replication is asynchronous; and until the old master has been told, there are two.</summary>
internal sealed class RedisSentinelBackend : IBackend
{
    private readonly List<RedisNode> _nodes = [];
    private readonly List<Sentinel> _sentinels = [];

    public IReadOnlyDictionary<string, Func<Nemesis, Task>> Faults => new Dictionary<string, Func<Nemesis, Task>>(StringComparer.Ordinal)
    {
        ["sentinel-failover"] = nemesis => nemesis.ForgetAsync(async () =>
        {
            RedisNode old = await MasterAsync();

            // Refused while the replica is not known to be well: then this is no fault.
            if (await Any(nemesis).AskAsync("SENTINEL", "FAILOVER", "mymaster") is "OK")
                await ChangedAsync(old);
        }),
        ["master-kill"] = nemesis => nemesis.ForgetAsync(async () =>
        {
            RedisNode old = await MasterAsync();
            await old.Process.KillAsync();
            RedisNode next = await PromotedAsync(old);
            await old.ServeAsync();

            // Some supervisors know that it is to follow; others start an empty second master, which the Sentinels then find.
            if (nemesis.Draw() < 0.5)
                await old.FollowAsync(next);
            await ChangedAsync(old);
        }),
        ["master-freeze"] = nemesis => nemesis.ForgetAsync(async () =>
        {
            RedisNode old = await MasterAsync();
            old.Process.Freeze();
            await PromotedAsync(old);
            await nemesis.RestAsync(0.5);
            old.Process.Thaw();
            await ChangedAsync(old);
        }),
        ["replica-kill"] = async nemesis =>
        {
            RedisNode master = await MasterAsync();
            RedisNode replica = Other(master);
            await replica.Process.KillAsync();
            await nemesis.RestAsync(0.5);
            await replica.ServeAsync();
            await replica.FollowAsync(master);
        },
        ["sentinel-kill"] = async nemesis =>
        {
            Sentinel one = Any(nemesis);
            await one.Process.KillAsync();
            await nemesis.RestAsync(2);
            await one.ServeAsync();
        },
        ["sentinel-freeze"] = async nemesis =>
        {
            Sentinel one = Any(nemesis);
            one.Process.Freeze();
            await nemesis.RestAsync(2);
            one.Process.Thaw();
        },
    };

    public async Task StartAsync(string folder, int seed)
    {
        for (int i = 0; i < 2; i++)
            _nodes.Add(new RedisNode(Path.Combine(folder, $"node{i}"), seed + i, persists: false));
        await Task.WhenAll(_nodes.Select(static node => node.StartAsync()));
        await _nodes[1].FollowAsync(_nodes[0]);
        for (int i = 0; i < 3; i++)
            _sentinels.Add(new Sentinel(Path.Combine(folder, $"sentinel{i}"), RedisNode.FreePort(), _nodes[0].Port));
        await Task.WhenAll(_sentinels.Select(static one => one.ServeAsync()));

        // They find each other, and the replica, through the master.
        foreach (Sentinel one in _sentinels)
            await Nemesis.UntilAsync(async () => await CountAsync(one, "SENTINELS") == 2 && await CountAsync(one, "REPLICAS") == 1,
                "the Sentinels know each other and the replica");
    }

    public string Config(int worker)
    {
        // Every worker asks another one first.
        IEnumerable<string> all = Enumerable.Range(worker, 3)
            .Select(i => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{_sentinels[i % 3].Port}"));
        return $$"""{"type":"redis","connection":{"url":"{{string.Join(',', all)}},serviceName=mymaster"} }""";
    }

    public async Task<IReadOnlyList<string>> LeftoversAsync() => await (await MasterAsync()).LeftoversAsync();

    public async ValueTask DisposeAsync()
    {
        foreach (Sentinel one in _sentinels)
            await one.DisposeAsync();
        foreach (RedisNode node in _nodes)
            await node.DisposeAsync();
    }

    private static async Task<int> CountAsync(Sentinel one, string what) =>
        await one.AskAsync("SENTINEL", what, "mymaster") is object?[] all ? all.Length : 0;

    private Sentinel Any(Nemesis nemesis) => _sentinels[nemesis.Random.Next(_sentinels.Count)];

    private RedisNode Other(RedisNode node) => _nodes.Single(one => one != node);

    /// <summary>The master that all Sentinels name.</summary>
    private async Task<RedisNode> MasterAsync()
    {
        RedisNode? master = null;
        await Nemesis.UntilAsync(async () =>
        {
            int?[] named = await Task.WhenAll(_sentinels.Select(static one => one.MasterAsync()));
            master = _nodes.Find(node => Array.TrueForAll(named, port => port == node.Port));
            return master is not null;
        }, "the Sentinels agree on a master");
        return master!;
    }

    private async Task<RedisNode> PromotedAsync(RedisNode old)
    {
        await Nemesis.UntilAsync(async () => await MasterAsync() != old, "the Sentinels have promoted the replica");
        return Other(old);
    }

    /// <summary>The other node is the master, and the old one follows it.</summary>
    private async Task ChangedAsync(RedisNode old)
    {
        await PromotedAsync(old);
        await Nemesis.UntilAsync(old.IsFollowingAsync, "the old master follows the new one");
    }
}
