using StackExchange.Redis;

namespace Locking;

/// <summary>Steps that count only when so many replicas have them.</summary>
public sealed partial class RedisLockStore
{
    private async ValueTask<AcquireReply> AcquireReplicatedAsync(
        ReplicatedWriter writer,
        AcquireRequest request,
        StoreStepCall step,
        Func<RedisResult, AcquireReply> read,
        CancellationToken cancellationToken)
    {
        if (step.IsSplitOnCluster)
            await RefuseOnClusterAsync(step, cancellationToken).ConfigureAwait(false);
        // The step goes over the writer's connection; losses are heard over ours.
        if (_leaseLost is not null)
            await _connection.ConnectAsync(cancellationToken).ConfigureAwait(false);
        var (answer, replicas) = await writer.EvaluateAsync(
            step.Script, step.Keys, step.Values, static result => (long)result > 0, cancellationToken).ConfigureAwait(false);
        if (replicas >= _settings.Replicas)
            return read(answer);

        var undone = false;
        try
        {
            undone = await TryReleaseAsync(request.Key, request.HolderId, cancellationToken).ConfigureAwait(false) != StoreReply.HeldByAnother;
        }
        catch (LockStoreException)
        {
            // The caller hears of the replicas; that the grant may still stand is said beside it.
        }

        throw TooFewReplicas(replicas, "acquire", undone);
    }

    private async ValueTask<StoreReply> ExtendReplicatedAsync(
        ReplicatedWriter writer, StoreStepCall step, CancellationToken cancellationToken)
    {
        var (answer, replicas) = await writer.EvaluateAsync(
            step.Script, step.Keys, step.Values, static result => (int)result == 1, cancellationToken).ConfigureAwait(false);
        // A renewal that the replicas have not heard of does not count either: after a failover the lease would end as before it.
        return replicas >= _settings.Replicas ? (StoreReply)(int)answer : throw TooFewReplicas(replicas, "extend", undone: false);
    }

    private LockStoreException TooFewReplicas(int replicas, string step, bool undone) => new(
        $"{_connection.Server}: {replicas} of {_settings.Replicas} replicas confirmed within {(_settings.ReplicaTimeout ?? TimeSpan.FromSeconds(1)).TotalMilliseconds:0} ms " +
        $"({step}). Look at the replicas, or lower lockOptions.replicas or raise replicaTimeout.",
        isTransient: true)
    {
        MayHaveBeenApplied = !undone,
    };
}
