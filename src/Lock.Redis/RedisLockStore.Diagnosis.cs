namespace Locking;

/// <summary>What is unsafe about the servers.</summary>
public sealed partial class RedisLockStore : IStoreDiagnostics
{
    /// <summary>Asks the servers how they are set up, over a connection of its own, which is closed again; over the client itself where it is lent.</summary>
    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<StoreFinding>> DiagnoseAsync(CancellationToken cancellationToken = default) =>
        RedisDiagnosis.Of(_connection.IsLent ? null : _connection.Connector(), await InspectAsync(cancellationToken).ConfigureAwait(false), _settings.Replicas ?? 0);

    /// <summary>What the servers tell.</summary>
    /// <exception cref="LockStoreException">None of them can be reached.</exception>
    internal async Task<IReadOnlyList<ServerFacts>> InspectAsync(CancellationToken cancellationToken)
    {
        if (_connection.IsLent)
            return await ServerInspection.ReadAsync(_connection, cancellationToken).ConfigureAwait(false);
        var questions = new RedisConnection(_connection.Connector().ForQuestions(), _connection.Time);
        await using (questions.ConfigureAwait(false))
            return await ServerInspection.ReadAsync(questions, cancellationToken).ConfigureAwait(false);
    }
}
