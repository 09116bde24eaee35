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

    /// <summary>What the client puts before the names of channels; empty for nothing. Scripts have to do the same.</summary>
    string ChannelPrefix { get; }

    /// <summary>Connects.</summary>
    /// <exception cref="LockStoreException">The server cannot be reached, or refused.</exception>
    /// <exception cref="RedisException">The same, in the client's words.</exception>
    Task<IConnectionMultiplexer> ConnectAsync(TimeProvider time);
}
