using StackExchange.Redis;

namespace Locking;

/// <summary>Steps that count only when so many replicas have them.</summary>
internal sealed class ReplicatedSteps : IAsyncDisposable
{
    private readonly ReplicatedWriter _writer;
    private readonly string _server;
    private readonly int _replicas;
    private readonly TimeSpan _timeout;

    /// <summary>Steps over a connection of their own, to where another one leads.</summary>
    public ReplicatedSteps(RedisConnection connection, int replicas, TimeSpan timeout)
    {
        _server = connection.Server;
        _replicas = replicas;
        _timeout = timeout;
        _writer = new ReplicatedWriter(connection.Another(timeout), replicas, timeout);
    }

    /// <summary>Acquires.</summary>
    /// <param name="step">The step.</param>
    /// <param name="read">Reads its answer.</param>
    /// <param name="release">Gives back what too few replicas have.</param>
    /// <param name="cancellationToken">Leaves the outcome unknown.</param>
    /// <exception cref="LockStoreException">No answer, or too few replicas.</exception>
    public async ValueTask<AcquireReply> AcquireAsync(
        StoreStepCall step,
        Func<RedisResult, AcquireReply> read,
        Func<CancellationToken, ValueTask<StoreReply>> release,
        CancellationToken cancellationToken)
    {
        (RedisResult answer, int replicas) = await _writer.EvaluateAsync(
            step.Script, step.Keys, step.Values, static result => (long)result > 0, cancellationToken).ConfigureAwait(false);
        if (replicas >= _replicas)
            return read(answer);

        bool undone = false;
        try
        {
            undone = await release(cancellationToken).ConfigureAwait(false) != StoreReply.HeldByAnother;
        }
        catch (LockStoreException)
        {
            // The caller hears of the replicas; that the grant may still stand is said beside it.
        }

        throw TooFew(replicas, "acquire", undone);
    }

    /// <summary>Extends.</summary>
    /// <exception cref="LockStoreException">No answer, or too few replicas.</exception>
    public async ValueTask<StoreReply> ExtendAsync(StoreStepCall step, CancellationToken cancellationToken)
    {
        (RedisResult answer, int replicas) = await _writer.EvaluateAsync(
            step.Script, step.Keys, step.Values, static result => (int)result == 1, cancellationToken).ConfigureAwait(false);
        // A renewal that the replicas have not heard of does not count either: after a failover the lease would end as before it.
        return replicas >= _replicas ? (StoreReply)(int)answer : throw TooFew(replicas, "extend", undone: false);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _writer.DisposeAsync();

    private LockStoreException TooFew(int replicas, string step, bool undone) => new(
        $"{_server}: {replicas} of {_replicas} replicas confirmed within {_timeout.TotalMilliseconds:0} ms ({step}). " +
        "Look at the replicas, or lower lockOptions.replicas or raise replicaTimeout.",
        isTransient: true)
    {
        MayHaveBeenApplied = !undone,
    };
}
