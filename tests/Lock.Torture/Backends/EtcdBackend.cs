using System.Globalization;
using System.Text.Json;
using Locking.Testing;

namespace Locking.Torture;

/// <summary>A cluster of three members of etcd, each behind a network of its own.</summary>
internal sealed class EtcdBackend : IBackend
{
    private readonly List<FaultProxy> _networks = [];
    private readonly List<SmallDisk> _disks = [];
    private bool _isOnSmallDisks;
    private EtcdCluster _cluster = null!;

    public IReadOnlyDictionary<string, Func<Nemesis, Task>> Faults => new Dictionary<string, Func<Nemesis, Task>>(StringComparer.Ordinal)
    {
        ["minority-kill"] = nemesis => RestartAsync(nemesis, 1, Any(nemesis)),
        ["minority-kill-twice"] = async nemesis =>
        {
            EtcdServer member = Any(nemesis);
            await RestartAsync(nemesis, 0, member);
            await RestartAsync(nemesis, 0.2, member);
        },
        ["minority-freeze"] = nemesis => FreezeAsync(nemesis, 1.5, Any(nemesis)),
        ["minority-cut"] = nemesis => nemesis.WeatherAsync(AnyNetwork(nemesis), Weather.Cut),
        ["minority-silent"] = nemesis => nemesis.WeatherAsync(AnyNetwork(nemesis), Weather.Silent),
        ["minority-answers-lost"] = nemesis => nemesis.WeatherAsync(AnyNetwork(nemesis), Weather.AnswersLost),
        ["minority-descriptors"] = nemesis =>
        {
            int place = nemesis.Random.Next(3);
            return nemesis.ExhaustDescriptorsAsync([_cluster.Members[place].ProcessId], () => _networks[place].Break(half: false));
        },
        ["minority-disk-full"] = FillAsync,
        ["minority-directory"] = nemesis => EtcdReplacement.ReplaceAsync(_cluster, Any(nemesis), nemesis),
        ["leader-kill"] = async nemesis =>
        {
            if (await LeaderAsync() is { } leader)
                await RestartAsync(nemesis, 1, leader.Member);
        },
        ["leader-freeze"] = async nemesis =>
        {
            if (await LeaderAsync() is { } leader)
                await FreezeAsync(nemesis, 1.5, leader.Member);
        },
        ["leader-move"] = async nemesis =>
        {
            if (await LeaderAsync() is { } leader)
                await TryAsync(leader.Member, "move-leader", leader.Others[nemesis.Random.Next(leader.Others.Count)]);
            await nemesis.RestAsync(0.2);
        },
        ["quorum-kill"] = nemesis => RestartAsync(nemesis, 1.5, [.. _cluster.Members.Except([Any(nemesis)])]),
        ["quorum-freeze"] = nemesis => FreezeAsync(nemesis, 1.5, [.. _cluster.Members.Except([Any(nemesis)])]),
        ["store-kill"] = nemesis => RestartAsync(nemesis, 0.5, [.. _cluster.Members]),
        ["store-compact"] = async nemesis =>
        {
            EtcdServer member = Any(nemesis);
            if (await StatusAsync(member) is { } status)
                await TryAsync(member, "compact", Text(status.GetProperty("header").GetProperty("revision").GetInt64()), "--physical");
            await nemesis.RestAsync(0.2);
        },
        ["lease-revoke"] = nemesis => nemesis.ForgetAsync(() => RevokeAsync(nemesis)),
        ["network-slow"] = nemesis => AllAsync(network => nemesis.WeatherAsync(network, Weather.Slow)),
        ["network-break"] = nemesis => AllAsync(network => nemesis.BreakAsync(network, half: false)),
        ["network-half"] = nemesis => AllAsync(network => nemesis.BreakAsync(network, half: true)),
    };

    public void Prepare(Func<string, bool> isChosen) => _isOnSmallDisks = isChosen("minority-disk-full");

    public async Task StartAsync(string folder, int seed)
    {
        // Leases of one second are granted from this on.
        _cluster = await EtcdCluster.StartAsync("--heartbeat-interval", "60", "--election-timeout", "600");
        if (_isOnSmallDisks)
            await MoveToSmallDisksAsync();
        _networks.AddRange(_cluster.Members.Select((member, i) => new FaultProxy(member.Port, seed + i)));
    }

    public string Config(int worker)
    {
        // Every worker begins with another member.
        IEnumerable<string> members = Enumerable.Range(worker, 3)
            .Select(i => $$"""{"host":"127.0.0.1","port":{{Text(_networks[i % 3].Port)}}}""");
        return $$"""{"type":"etcd","connection":{"endpoints":[{{string.Join(',', members)}}]} }""";
    }

    public async Task<IReadOnlyList<string>> LeftoversAsync()
    {
        List<string> left = [];
        await using ILock locks = Lock.Create(Config(0));
        await foreach (LockInfo info in locks.ListAsync(""))
            left.Add($"the lock {info.Key} of {info.Owner}, {info.Remaining.TotalMilliseconds:0} ms");
        string entries = await _cluster.Members[0].ControlAsync("get", "--prefix", "--keys-only", "lock:torture");
        left.AddRange(entries.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(static entry => $"the entry {entry}"));
        return left;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (FaultProxy network in _networks)
            await network.DisposeAsync();
        if (_cluster is null)
            return;
        foreach (EtcdServer member in _cluster.Members)
            member.Kill();
        foreach (SmallDisk disk in _disks)
            await disk.DisposeAsync();
        await _cluster.DisposeAsync();
    }

    /// <summary>The data of all members, each on a disk of its own.</summary>
    private async Task MoveToSmallDisksAsync()
    {
        foreach (EtcdServer member in _cluster.Members)
        {
            member.Kill();
            string old = member.DataFolder + ".old";
            Directory.Move(member.DataFolder, old);

            // Two segments of its log are 128 MB.
            _disks.Add(await SmallDisk.MountAsync(member.DataFolder, megabytes: 200, "mode=700"));
            foreach (string one in Directory.GetFileSystemEntries(old))
                await Nemesis.RunAsync("mv", one, member.DataFolder);
            Directory.Delete(old, recursive: true);
        }

        await _cluster.StartAgainAsync([.. _cluster.Members]);
    }

    /// <summary>A member that has no room ends by itself; somebody starts it again.</summary>
    private async Task FillAsync(Nemesis nemesis)
    {
        int place = nemesis.Random.Next(3);
        EtcdServer member = _cluster.Members[place];
        _disks[place].Fill();
        await nemesis.RestAsync(1.5);
        _disks[place].Empty();
        if (member.HasEnded)
            await _cluster.StartAgainAsync(member);
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    /// <summary>What the cluster may refuse while it has no leader.</summary>
    private static async Task<string?> TryAsync(EtcdServer member, params string[] words)
    {
        try
        {
            return await member.ControlAsync([.. words, "--command-timeout", "2s"]);
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    private static async Task<JsonElement?> StatusAsync(EtcdServer member)
    {
        if (await TryAsync(member, "endpoint", "status", "--write-out", "json") is not { Length: > 0 } text)
            return null;
        using JsonDocument all = JsonDocument.Parse(text);
        return all.RootElement.GetArrayLength() == 0 ? null : all.RootElement[0].GetProperty("Status").Clone();
    }

    private EtcdServer Any(Nemesis nemesis) => _cluster.Members[nemesis.Random.Next(3)];

    private FaultProxy AnyNetwork(Nemesis nemesis) => _networks[nemesis.Random.Next(3)];

    private Task AllAsync(Func<FaultProxy, Task> act) => Task.WhenAll(_networks.Select(act));

    /// <summary>The member that leads, and the names of the others as etcdctl has them; null while nobody leads.</summary>
    private async Task<(EtcdServer Member, IReadOnlyList<string> Others)?> LeaderAsync()
    {
        EtcdServer? leader = null;
        List<string> others = [];
        foreach (EtcdServer member in _cluster.Members)
        {
            if (await StatusAsync(member) is not { } status)
                return null;
            ulong own = status.GetProperty("header").GetProperty("member_id").GetUInt64();
            if (status.TryGetProperty("leader", out JsonElement led) && led.GetUInt64() == own)
                leader = member;
            else
                others.Add(own.ToString("x", CultureInfo.InvariantCulture));
        }

        return leader is not null && others.Count == 2 ? (leader, others) : null;
    }

    private async Task RestartAsync(Nemesis nemesis, double rest, params EtcdServer[] members)
    {
        foreach (EtcdServer member in members)
            member.Kill();
        await nemesis.RestAsync(rest);
        await _cluster.StartAgainAsync(members);
    }

    private static async Task FreezeAsync(Nemesis nemesis, double rest, params EtcdServer[] members)
    {
        foreach (EtcdServer member in members)
            member.Freeze();
        await nemesis.RestAsync(rest);
        foreach (EtcdServer member in members)
            member.Thaw();
    }

    /// <summary>Somebody ends the lease of a holder or a waiter.</summary>
    private async Task RevokeAsync(Nemesis nemesis)
    {
        EtcdServer member = Any(nemesis);
        string[] leases = [.. (await TryAsync(member, "lease", "list") ?? "").Split('\n').Skip(1)];
        if (leases.Length > 0)
            await TryAsync(member, "lease", "revoke", leases[nemesis.Random.Next(leases.Length)].Trim());
    }
}
