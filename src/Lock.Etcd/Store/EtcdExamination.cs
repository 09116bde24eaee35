using Grpc.Core;
using Locking.Etcd;

namespace Locking;

/// <summary>What is unsafe about the cluster. The codes are listed in docs/etcd.md.</summary>
internal sealed class EtcdExamination(EtcdClient client)
{
    private static readonly Version s_needed = new(3, 4);

    private readonly List<StoreFinding> _findings = [];
    private readonly HashSet<ulong> _clusters = [];

    /// <summary>Asks each member that is configured, and puts the answers into words: warnings first.</summary>
    /// <exception cref="LockStoreException">No member told who belongs to the cluster.</exception>
    public async ValueTask<IReadOnlyList<StoreFinding>> RunAsync(CancellationToken cancellationToken)
    {
        MemberListResponse list = await client.CallAsync(
            static (member, options) => member.Cluster.MemberListAsync(new MemberListRequest(), options).ResponseAsync, cancellationToken)
                .ConfigureAwait(false);
        int voters = list.Members.Count(static member => !member.IsLearner);
        if (voters == 1)
            Warn("single-member", "The cluster has one member: nobody gets a lock while it is down. Run three.");
        else if (voters % 2 == 0)
            Note("even-members",
                $"The cluster has {voters} voting members: it survives the loss of no more of them than one of {voters - 1}.");
        foreach (EtcdMember member in client.Members)
        {
            ExamineWay(member.Address);
            await ExamineAsync(member, cancellationToken).ConfigureAwait(false);
        }

        if (_clusters.Count > 1)
            Warn("several-clusters", "connection.endpoints names members of different clusters, which know nothing of each other's locks.");
        return [.. _findings.OrderByDescending(static finding => finding.IsWarning)];
    }

    private void ExamineWay(Uri address)
    {
        if (address.IsLoopback)
            return;
        if (address.Scheme == Uri.UriSchemeHttp)
            Warn("unencrypted-network",
                $"{address} is on another machine, and the connection is not encrypted: who can listen sees keys, ids and passwords. Set "
                + "connection.tls.");
        if (!client.ShowsItself)
            Warn("open-network",
                $"{address} is on another machine and asks neither for a user nor for a certificate: everybody who can reach it can take "
                + "and break locks.");
    }

    private async ValueTask ExamineAsync(EtcdMember member, CancellationToken cancellationToken)
    {
        try
        {
            StatusResponse status = await client.CallAsync(
                static (member, options) => member.Maintenance.StatusAsync(new StatusRequest(), options).ResponseAsync,
                cancellationToken, member).ConfigureAwait(false);
            _clusters.Add(status.Header.ClusterId);
            Note("server", $"{member.Address} is etcd {status.Version}{(status.Leader == status.Header.MemberId ? ", the leader" : "")}.");
            if (Version.TryParse(status.Version, out Version? version) && version < s_needed)
                Warn("old-server", $"{member.Address} is etcd {status.Version}; {s_needed} is needed. Waiters may wait in vain.");
            foreach (string error in status.Errors)
                Warn("member-in-trouble", $"{member.Address} says of itself: {error}.");
        }
        catch (Exception exception) when (exception is LockStoreException or RpcException)
        {
            Warn("member-not-reachable", $"{exception.Message} Locks go on while a majority of the members does.");
        }
    }

    private void Warn(string code, string text) => _findings.Add(new StoreFinding(code, IsWarning: true, text));

    private void Note(string code, string text) => _findings.Add(new StoreFinding(code, IsWarning: false, text));
}
