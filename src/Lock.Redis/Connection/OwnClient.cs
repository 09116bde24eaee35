using StackExchange.Redis;

namespace Locking;

/// <summary>A client of our own: made at the first request, and closed at the end.</summary>
/// <param name="connector">Makes it.</param>
/// <param name="slot">Where it stands.</param>
/// <param name="limit">The limit of a request.</param>
/// <param name="time">The clock.</param>
/// <param name="onConnected">Told of a client before anybody else uses it.</param>
internal sealed class OwnClient(
    IRedisConnector connector, ClientSlot slot, RequestLimit limit, TimeProvider time, Func<IConnectionMultiplexer, Task> onConnected)
{
    /// <summary>How it is made.</summary>
    public IRedisConnector Connector => connector;

    /// <summary>Connects, or waits for the attempt that is under way.</summary>
    /// <exception cref="LockStoreException">The server cannot be reached.</exception>
    public async Task<IConnectionMultiplexer> ConnectAsync(CancellationToken cancellationToken)
    {
        Task<IConnectionMultiplexer> connecting = slot.GetOrMake(OpenAsync);
        try
        {
            return await connecting.WaitAsync(connector.ConnectTimeout, time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException exception) when (!connecting.IsCompleted)
        {
            // The attempt goes on; the next request finds it, or its outcome.
            TaskFaults.Forget(connecting);
            throw new LockStoreException(
                $"{connector.Server} did not let us connect within {connector.ConnectTimeout.TotalMilliseconds:0} ms " +
                $"(connection.connectTimeout).{connector.Hint}",
                isTransient: true, exception)
            {
                MayHaveBeenApplied = false,
            };
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            LockStoreException fault = RedisFaults.Wrap(exception, "connect", connector.Server + connector.Hint);
            // Whatever became of the handshake, no step was sent.
            throw fault.MayHaveBeenApplied
                ? new LockStoreException(fault.Message, fault.IsTransient, fault.InnerException) { MayHaveBeenApplied = false }
                : fault;
        }
        catch (OperationCanceledException)
        {
            TaskFaults.Forget(connecting);
            throw;
        }
    }

    /// <summary>Opens another one, and has the server answer on it.</summary>
    /// <param name="database">The database.</param>
    /// <param name="key">What it is asked about; null for nothing in particular.</param>
    /// <returns>Null when the server does not answer there either.</returns>
    public async Task<IConnectionMultiplexer?> TryOpenAnotherAsync(int database, string? key)
    {
        Task<IConnectionMultiplexer> connecting = connector.ConnectAsync(time);
        IConnectionMultiplexer? fresh = null;
        try
        {
            fresh = await connecting.WaitAsync(connector.ConnectTimeout, time).ConfigureAwait(false);
            IDatabase asked = fresh.GetDatabase(database);
            if (key is null)
                await limit.WithinAsync(asked.PingAsync(CommandFlags.DemandMaster), CancellationToken.None).ConfigureAwait(false);
            else
                await limit.WithinAsync(asked.KeyExistsAsync(key, CommandFlags.DemandMaster), CancellationToken.None).ConfigureAwait(false);
            return fresh;
        }
        catch (RedisServerException)
        {
            // Whatever it says, it says something.
            return fresh;
        }
        catch (Exception)
        {
            // The server is silent to everybody: nothing is wrong with the connection.
            if (fresh is not null)
                Close(fresh);
            else
                CloseLater(connecting);
            return null;
        }
    }

    /// <summary>Closes a client that is used no more.</summary>
    public static void Close(IConnectionMultiplexer client)
    {
        // Not waiting for requests under way: a server that does not answer must not hold up the end of a program.
        client.Close(allowCommandsToComplete: false);
        client.Dispose();
    }

    /// <summary>Closes what an attempt that nobody waits for brings.</summary>
    public static void CloseLater(Task<IConnectionMultiplexer> connecting) => _ = connecting.ContinueWith(
        static made =>
        {
            if (made.IsCompletedSuccessfully)
                Close(made.GetAwaiter().GetResult());
            else
                _ = made.Exception;
        },
        CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);

    private async Task<IConnectionMultiplexer> OpenAsync()
    {
        IConnectionMultiplexer client = await connector.ConnectAsync(time).ConfigureAwait(false);
        await onConnected(client).ConfigureAwait(false);
        if (slot.TryPut(client))
            return client;
        Close(client);
        throw RedisFaults.Disposed();
    }
}
