using System.Collections.Concurrent;

namespace Locking;

/// <summary>Connections to one server, the one used last first.</summary>
internal sealed class MongoConnectionPool(MongoEndpoint endpoint, MongoClientSettings settings, MongoConnector connector, TimeProvider time) : IDisposable
{
    private readonly ConcurrentStack<MongoConnection> _idle = new();
    private readonly SemaphoreSlim _slots = new(settings.MaxPoolSize);
    private int _generation;
    private volatile bool _disposed;

    /// <summary>Waits for the right to one connection; give it back with <see cref="Leave"/> in any case.</summary>
    /// <exception cref="LockStoreException">None became free. That says nothing about the server.</exception>
    public ValueTask EnterAsync(CancellationToken cancellationToken) => _slots.Wait(0, CancellationToken.None) ? ValueTask.CompletedTask : WaitAsync(cancellationToken);

    /// <summary>A connection for one exchange.</summary>
    /// <exception cref="LockStoreException">None could be opened.</exception>
    public ValueTask<MongoConnection> RentAsync(CancellationToken cancellationToken)
    {
        while (_idle.TryPop(out MongoConnection? idle))
        {
            if (IsUsable(idle) && !idle.LooksDead()) return ValueTask.FromResult(idle);
            idle.Dispose();
        }

        return new ValueTask<MongoConnection>(connector.ConnectAsync(endpoint, Volatile.Read(ref _generation), cancellationToken));
    }

    /// <summary>Ends what <see cref="EnterAsync"/> began.</summary>
    /// <param name="connection">The connection that was rented, if any.</param>
    public void Leave(MongoConnection? connection)
    {
        if (connection is not null) PutBack(connection);
        _slots.Release();
    }

    /// <summary>Closes all that is idle; what is in use is closed when it comes back.</summary>
    public void Clear()
    {
        Interlocked.Increment(ref _generation);
        while (_idle.TryPop(out MongoConnection? idle)) idle.Dispose();
    }

    public void Dispose()
    {
        _disposed = true;
        Clear();
    }

    private void PutBack(MongoConnection connection)
    {
        connection.IdleSince = time.GetTimestamp();
        if (IsUsable(connection)) _idle.Push(connection);
        else connection.Dispose();
        // Disposed between the check and the push: nobody else would empty the stack.
        if (_disposed) Clear();
    }

    private bool IsUsable(MongoConnection connection) =>
        !connection.IsClosed && !_disposed && connection.Generation == Volatile.Read(ref _generation)
        && (settings.MaxIdleTime == Timeout.InfiniteTimeSpan || time.GetElapsedTime(connection.IdleSince) < settings.MaxIdleTime);

    private async ValueTask WaitAsync(CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(settings.WaitQueueTimeout, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token);
        try
        {
            await _slots.WaitAsync(both.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException e)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw MongoFailure.Create(
                $"No connection to {endpoint} became free within waitQueueTimeoutMS ({settings.WaitQueueTimeout.TotalMilliseconds:0}). Raise maxPoolSize (currently {settings.MaxPoolSize}).",
                isTransient: true, mayHaveRun: false, e);
        }
    }
}
