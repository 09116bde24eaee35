using StackExchange.Redis;

namespace Locking;

/// <summary>Makes the client of a connection that is ours.</summary>
internal interface IRedisConnector
{
    /// <summary>The database number.</summary>
    int Database { get; }

    /// <summary>The limit of one request.</summary>
    TimeSpan CommandTimeout { get; }

    /// <summary>The limit of connecting.</summary>
    TimeSpan ConnectTimeout { get; }

    /// <summary>The server, for messages; without secrets.</summary>
    string Server { get; }

    /// <summary>What to look at when it cannot be reached; empty when there is nothing special.</summary>
    string Hint { get; }

    /// <summary>Connects.</summary>
    /// <exception cref="LockStoreException">The server cannot be reached, or refused.</exception>
    Task<IConnectionMultiplexer> ConnectAsync();

    /// <summary>Says more of a failed attempt to connect than the client can.</summary>
    /// <returns>Null where there is nothing more to say.</returns>
    Task<LockStoreException?> ExplainAsync(RedisConnectionException failure, TimeProvider time);

    /// <summary>Has the client deliver each answer on a pool thread of its own.</summary>
    /// <returns>False where it cannot be told to.</returns>
    bool DeliverOnThePool(IConnectionMultiplexer multiplexer);
}
