using StackExchange.Redis;

namespace Locking;

/// <summary>Makes <see cref="RedisLockStore"/>s: <c>type</c> <c>redis</c>.</summary>
public sealed class RedisLockProvider : ILockProvider
{
    private readonly IConnectionMultiplexer? _lent;

    /// <summary>Stores with a connection of their own, as the configuration says.</summary>
    public RedisLockProvider()
    {
    }

    /// <summary>Stores over a connection that the application has; it is never disposed here.</summary>
    /// <param name="connection">The application's connection. Of <c>connection</c> only <c>db</c> and <c>commandTimeout</c> then count; more is refused.</param>
    public RedisLockProvider(IConnectionMultiplexer connection)
    {
        ArgumentNullException.ThrowIfNull(connection);
        _lent = connection;
    }

    /// <inheritdoc/>
    public string Type => "redis";

    /// <inheritdoc/>
    public ILockStore CreateStore(LockConfig config, LockProviderContext context)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(context);
        var options = config.LockOptions ?? new LockOptions();
        var connection = config.Connection ?? new LockConnection();
        if (_lent is null)
            return new RedisLockStore(new RedisConnection(RedisConnector.From(connection), context.TimeProvider), options);
        if (connection with { Db = null, CommandTimeout = null } != new LockConnection())
            throw new LockConfigException("connection", "the application lends its own connection: only db and commandTimeout can be set beside it.");
        return new RedisLockStore(_lent, options, connection.Db ?? -1, connection.CommandTimeout, context);
    }
}
