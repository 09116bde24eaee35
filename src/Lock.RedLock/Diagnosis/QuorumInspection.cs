namespace Locking;

/// <summary>Asks all nodes at once how they are.</summary>
internal static class QuorumInspection
{
    public static async Task<NodeReport[]> ReadAsync(IReadOnlyList<RedisLockStore> nodes, CancellationToken cancellationToken) =>
        await Task.WhenAll(nodes.Select(node => ReadAsync(node, cancellationToken))).ConfigureAwait(false);

    private static async Task<NodeReport> ReadAsync(RedisLockStore node, CancellationToken cancellationToken)
    {
        var report = new NodeReport(node.Connection.Server, node.Connection.Connector());
        try
        {
            IReadOnlyList<ServerFacts> servers = await node.InspectAsync(cancellationToken).ConfigureAwait(false);
            ServerFacts? server = servers.FirstOrDefault(static server => server is { Answers: true, IsReplica: false })
                ?? servers.FirstOrDefault(static server => server.Answers);
            return server is null
                ? report with { Fault = "it does not answer" }
                : report with { Server = server, Life = await LifeAsync(node, server, cancellationToken).ConfigureAwait(false) };
        }
        catch (LockStoreException exception)
        {
            return report with { Fault = exception.Message };
        }
    }

    /// <summary>What is noted about its vote.</summary>
    private static async Task<RedisLife?> LifeAsync(RedisLockStore node, ServerFacts server, CancellationToken cancellationToken) =>
        server.IsOpen ? await new RedisVoter(node).ReadLifeAsync(cancellationToken).ConfigureAwait(false) : null;
}
