using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace Locking;

/// <summary>Makes <see cref="RedisLockStore"/>s: <c>type</c> <c>redis</c>.</summary>
public sealed class RedisLockProvider : ILockProvider
{
    private readonly IConnectionMultiplexer? _lent;
    private readonly ConfigurationOptions? _like;

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

    /// <summary>Stores with a connection of their own, with the options that the application makes its own client of: what no text can say, such as a
    /// client certificate, goes with them.</summary>
    /// <param name="options">Copied. Of <c>connection</c> only <c>db</c> and <c>commandTimeout</c> then count; more is refused. How requests
    /// are queued while there is no connection, and how it is made again, is not taken over.</param>
    /// <exception cref="ArgumentException">The options name no server.</exception>
    public RedisLockProvider(ConfigurationOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.EndPoints.Count == 0)
            throw new ArgumentException("The options name no server.", nameof(options));
        _like = options.Clone();
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
        var logger = context.LoggerFactory.CreateLogger<RedisLockStore>();
        if (_lent is null && _like is null)
            return new RedisLockStore(new RedisConnection(RedisConnector.From(connection), context.TimeProvider, logger), options);
        if (connection with { Db = null, CommandTimeout = null } != new LockConnection())
            throw new LockConfigException("connection", "the application lends its own connection: only db and commandTimeout can be set beside it.");
        if (_like is not null)
        {
            var connector = RedisConnector.From(_like, connection.Db, connection.CommandTimeout);
            return new RedisLockStore(new RedisConnection(connector, context.TimeProvider, logger), options);
        }

        if (options.Replicas is > 0)
            throw new LockConfigException("lockOptions.replicas", RedisLockStore.NoReplicasOverLent);
        return new RedisLockStore(_lent!, options, connection.Db ?? -1, connection.CommandTimeout, context);
    }
}
