using Locking.Etcd;

namespace Locking.Testing;

/// <summary>A cluster of three members.</summary>
public sealed class EtcdCluster : IAsyncDisposable
{
    private EtcdCluster(EtcdServer[] members) => Members = members;

    public IReadOnlyList<EtcdServer> Members { get; private set; }

    public IEnumerable<string> Urls => Members.Select(static member => member.Url);

    public static async Task<EtcdCluster> StartAsync(params string[] arguments)
    {
        for (int attempt = 1; ; attempt++)
        {
            var cluster = new EtcdCluster([.. new[] { "one", "two", "three" }.Select(name => EtcdServer.Prepare(name, arguments))]);
            try
            {
                foreach (EtcdServer member in cluster.Members)
                    member.Start(cluster.Members);
                foreach (EtcdServer member in cluster.Members)
                    await member.ReadyAsync();
                return cluster;
            }
            catch (Exception fault)
            {
                // Somebody else took a port in between, or it is of no use: it is not left behind.
                await cluster.DisposeAsync();
                if (fault is not InvalidOperationException || attempt >= 5)
                    throw;
            }
        }
    }

    /// <summary>The members, the leader first.</summary>
    public async Task<IReadOnlyList<EtcdServer>> LeaderFirstAsync()
    {
        ulong leader = 0;
        var ids = new Dictionary<EtcdServer, ulong>();
        foreach (EtcdServer member in Members)
        {
            using var client = new EtcdMember(new Uri(member.Url), new EtcdSettings { Members = [] });
            StatusResponse status = await client.Maintenance.StatusAsync(new StatusRequest());
            ids[member] = status.Header.MemberId;
            leader = status.Leader;
        }

        return [.. Members.OrderByDescending(member => ids[member] == leader)];
    }

    /// <summary>Starts members again that were killed.</summary>
    public async Task StartAgainAsync(params EtcdServer[] members)
    {
        foreach (EtcdServer member in members)
            member.Start(Members);
        foreach (EtcdServer member in members)
            await member.ReadyAsync();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (EtcdServer member in Members)
            await member.DisposeAsync();
    }
}
