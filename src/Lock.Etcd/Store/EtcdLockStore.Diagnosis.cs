using Grpc.Core;
using Locking.Etcd;

namespace Locking;

/// <content>What is unsafe about the cluster. The codes are listed in docs/etcd.md.</content>
internal sealed partial class EtcdLockStore
{
    public async ValueTask<IReadOnlyList<StoreFinding>> DiagnoseAsync(CancellationToken cancellationToken = default)
    {
        var findings = new List<StoreFinding>();
        MemberListResponse list = await _client.CallAsync(
            static (member, options) => member.Cluster.MemberListAsync(new MemberListRequest(), options).ResponseAsync, cancellationToken)
                .ConfigureAwait(false);
        int voters = list.Members.Count(static member => !member.IsLearner);
        if (voters == 1)
            Warn("single-member", "The cluster has one member: nobody gets a lock while it is down. Run three.");
        else if (voters % 2 == 0)
            Note("even-members",
                $"The cluster has {voters} voting members: it survives the loss of no more of them than one of {voters - 1}.");
        var clusters = new HashSet<ulong>();
        foreach (EtcdMember member in _client.Members)
            await ExamineAsync(member).ConfigureAwait(false);
        if (clusters.Count > 1)
            Warn("several-clusters", "connection.endpoints names members of different clusters, which know nothing of each other's locks.");
        return [.. findings.OrderByDescending(static finding => finding.IsWarning)];

        async ValueTask ExamineAsync(EtcdMember member)
        {
            if (!member.Address.IsLoopback && member.Address.Scheme == Uri.UriSchemeHttp)
                Warn("unencrypted-network",
                    $"{member.Address} is on another machine, and the connection is not encrypted: who can listen sees keys, ids and "
                    + "passwords. Set connection.tls.");
            if (!member.Address.IsLoopback && !_client.ShowsItself)
                Warn("open-network",
                    $"{member.Address} is on another machine and asks neither for a user nor for a certificate: everybody who can reach it "
                    + "can take and break locks.");
            try
            {
                StatusResponse status = await _client.CallAsync(
                    static (member, options) => member.Maintenance.StatusAsync(new StatusRequest(), options).ResponseAsync,
                    cancellationToken, member).ConfigureAwait(false);
                clusters.Add(status.Header.ClusterId);
                Note("server",
                    $"{member.Address} is etcd {status.Version}{(status.Leader == status.Header.MemberId ? ", the leader" : "")}.");
                if (Version.TryParse(status.Version, out Version? version) && version < new Version(3, 4))
                    Warn("old-server", $"{member.Address} is etcd {status.Version}; 3.4 is needed. Waiters may wait in vain.");
                foreach (string error in status.Errors)
                    Warn("member-in-trouble", $"{member.Address} says of itself: {error}.");
            }
            catch (Exception exception) when (exception is LockStoreException or RpcException)
            {
                Warn("member-not-reachable", $"{exception.Message} Locks go on while a majority of the members does.");
            }
        }

        void Warn(string code, string text) => findings.Add(new StoreFinding(code, IsWarning: true, text));

        void Note(string code, string text) => findings.Add(new StoreFinding(code, IsWarning: false, text));
    }
}
