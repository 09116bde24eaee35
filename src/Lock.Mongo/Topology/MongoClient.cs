using System.Collections.Concurrent;

namespace Locking;

/// <summary>The provider's own client: finds the server that takes writes and runs commands there.</summary>
internal sealed class MongoClient : IMongoCommandRunner, IMongoMembers, IDisposable
{
    /// <summary>Before the third try and each that follows: a server that calls itself primary and refuses writes is not to be asked without end.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly ConcurrentDictionary<MongoEndpoint, MongoConnectionPool> _pools = new();
    private readonly MongoClientSettings _settings;
    private readonly MongoConnector _connector;
    private readonly MongoTopology _topology;
    private readonly TimeProvider _time;
    private volatile bool _disposed;

    public MongoClient(MongoClientSettings settings, TimeProvider? time = null)
    {
        _settings = settings;
        _time = time ?? TimeProvider.System;
        _connector = new MongoConnector(settings, _time);
        _topology = new MongoTopology(settings, _connector, _time);
    }

    public async ValueTask<ReadOnlyMemory<byte>> RunAsync(string database, ReadOnlyMemory<byte> command, CancellationToken cancellationToken)
    {
        long start = _time.GetTimestamp();
        for (int attempt = 1; ; attempt++)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (attempt > 2) await Task.Delay(Pause, _time, cancellationToken).ConfigureAwait(false);
            MongoEndpoint primary = await _topology.GetPrimaryAsync(cancellationToken).ConfigureAwait(false);
            MongoConnectionPool pool = PoolOf(primary);
            // Outside of what follows: where all connections are in use, the server is well, and those that use them are not to be disturbed.
            await pool.EnterAsync(cancellationToken).ConfigureAwait(false);
            bool mayTryAgain = _settings.ServerSelectionTimeout == Timeout.InfiniteTimeSpan || _time.GetElapsedTime(start) < _settings.ServerSelectionTimeout;
            try
            {
                ReadOnlyMemory<byte> reply = await RunOnAsync(primary, pool, database, command, cancellationToken).ConfigureAwait(false);
                if (!NeedsAnotherServer(primary, reply) || !mayTryAgain) return reply;
            }
            catch (LockStoreException e) when (e is { MayHaveBeenApplied: false, IsTransient: true } && mayTryAgain)
            {
                Abandon(primary);
            }
            catch (LockStoreException)
            {
                Abandon(primary);
                throw;
            }
        }
    }

    public Task<IReadOnlyList<MongoMember>> GreetAllAsync(CancellationToken cancellationToken) => _topology.GreetAllAsync(cancellationToken);

    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _topology.Dispose();
        foreach (MongoConnectionPool pool in _pools.Values) pool.Dispose();
    }

    /// <summary>Looks whether the server lost its role. Only what certainly did not run is worth another try here; the rest is the caller's to judge.</summary>
    private bool NeedsAnotherServer(MongoEndpoint primary, ReadOnlyMemory<byte> reply)
    {
        try
        {
            MongoReply parsed = MongoReply.Parse(reply.Span);
            if (parsed.Ok || !parsed.IsNotPrimary) return false;
            Abandon(primary);
            return parsed.IsRefusedBeforeRunning;
        }
        catch (BsonFormatException e)
        {
            throw MongoFailure.Create($"The reply of {primary} cannot be understood: {e.Message}", isTransient: true, mayHaveRun: true, e);
        }
    }

    private MongoConnectionPool PoolOf(MongoEndpoint endpoint) =>
        _pools.GetOrAdd(endpoint, static (endpoint, client) => new MongoConnectionPool(endpoint, client._settings, client._connector, client._time), this);

    /// <summary>Runs a command on one of the pool's connections, which it has entered; leaves it.</summary>
    private async ValueTask<ReadOnlyMemory<byte>> RunOnAsync(
        MongoEndpoint primary, MongoConnectionPool pool, string database, ReadOnlyMemory<byte> command, CancellationToken cancellationToken)
    {
        MongoConnection? connection = null;
        try
        {
            connection = await pool.RentAsync(cancellationToken).ConfigureAwait(false);
            using var end = new CancellationTokenSource(_settings.CommandTimeout, _time);
            using CancellationTokenRegistration givenUp = cancellationToken.UnsafeRegister(static end => ((CancellationTokenSource)end!).Cancel(), end);
            return await connection.ExchangeAsync(database, command, end.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException e)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw MongoFailure.Create(
                $"{primary} did not answer within commandTimeout ({_settings.CommandTimeout.TotalMilliseconds:0} ms).", isTransient: true, mayHaveRun: true, e);
        }
        finally
        {
            pool.Leave(connection);
        }
    }

    private void Abandon(MongoEndpoint endpoint)
    {
        _topology.Forget(endpoint);
        if (_pools.TryGetValue(endpoint, out MongoConnectionPool? pool)) pool.Clear();
    }
}
