using System.Globalization;
using Locking.Testing;

namespace Locking.Torture;

/// <summary>A member of etcd that has lost its files, and is replaced as an operator does it.</summary>
internal static class EtcdReplacement
{
    /// <summary>Ends it, removes its files, takes it out of the cluster and brings in an empty one of the same name.</summary>
    public static async Task ReplaceAsync(EtcdCluster cluster, EtcdServer lost, Nemesis nemesis)
    {
        EtcdServer other = cluster.Members.First(member => member != lost);
        string peer = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{lost.PeerPort}");
        lost.Kill();
        foreach (string one in Directory.GetDirectories(lost.DataFolder))
            Directory.Delete(one, recursive: true);
        await nemesis.RestAsync();
        string old = "";
        await Nemesis.UntilAsync(async () => (old = await IdOfAsync(other, peer) ?? "").Length > 0, "etcd lists its members");
        await Nemesis.UntilAsync(async () =>
        {
            await TryAsync(other, "member", "remove", old);
            return await IdOfAsync(other, peer) is "";
        }, "etcd removes the member without files");
        await Nemesis.UntilAsync(async () =>
        {
            await TryAsync(other, "member", "add", lost.Name, "--peer-urls=" + peer);
            return await IdOfAsync(other, peer) is { Length: > 0 };
        }, "etcd takes in the new member");
        lost.Start(cluster.Members, "--initial-cluster-state", "existing");
        await lost.ReadyAsync();
    }

    /// <summary>The number of the member with an address; empty: there is none; null: no answer.</summary>
    private static async Task<string?> IdOfAsync(EtcdServer member, string peer) => await TryAsync(member, "member", "list") is { } list
        ? list.Split('\n').FirstOrDefault(line => line.Contains(peer, StringComparison.Ordinal))?.Split(',')[0] ?? ""
        : null;

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
}
