namespace Locking;

/// <summary>What is unsafe about the servers.</summary>
public sealed partial class RedLockLockStore : IStoreDiagnostics
{
    /// <summary>Asks all servers how they are set up, over connections of its own, which are closed again. A server that does not answer is a
    /// finding, and no failure.</summary>
    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<StoreFinding>> DiagnoseAsync(CancellationToken cancellationToken = default)
    {
        Begin(cancellationToken);
        var nodes = await QuorumInspection.ReadAsync([.. _nodes.Select(static node => (RedisLockStore)node.Store)], cancellationToken).ConfigureAwait(false);
        return QuorumDiagnosis.Of(nodes, _quorum, VoteLimit(_options.Ttl ?? TimeSpan.FromSeconds(30)));
    }
}
