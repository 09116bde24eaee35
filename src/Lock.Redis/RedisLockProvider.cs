using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace Locking;

/// <summary>Makes <see cref="RedisLockStore"/>s: <c>type</c> <c>redis</c>.</summary>
public sealed class RedisLockProvider : LockProvider<RedisLockSettings>
{
    private readonly IConnectionMultiplexer? _lent;
    private readonly ConfigurationOptions? _like;

    /// <summary>Stores with a connection of their own, as the configuration says.</summary>
    public RedisLockProvider()
    {
    }

    /// <summary>Stores over a connection that the application has; it is never disposed here.</summary>
    /// <param name="connection">The application's connection. Of <c>connection</c> only <c>db</c> and <c>commandTimeout</c> then count;
    /// more is refused.</param>
    public RedisLockProvider(IConnectionMultiplexer connection)
    {
        ArgumentNullException.ThrowIfNull(connection);
        _lent = connection;
    }

    /// <summary>Stores with a connection of their own, with the options that the application makes its own client of: what no text can say,
    /// such as a client certificate, goes with them.</summary>
    /// <param name="options">Copied. Of <c>connection</c> only <c>db</c> and <c>commandTimeout</c> then count; more is refused. How
    /// requests are queued while there is no connection, and how it is made again, is not taken over.</param>
    /// <exception cref="ArgumentException">The options name no server.</exception>
    public RedisLockProvider(ConfigurationOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.EndPoints.Count == 0)
            throw new ArgumentException("The options name no server.", nameof(options));
        _like = options.Clone();
    }

    /// <inheritdoc/>
    public override string Type => "redis";

    /// <inheritdoc/>
    public override SettingsTable<RedisLockSettings> Settings => RedisSettings.Table;

    /// <inheritdoc/>
    protected override ILockStore CreateStoreCore(RedisLockSettings settings, LockOptions options, LockProviderContext context)
    {
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(context);
        ILogger logger = context.LoggerFactory.CreateLogger<RedisLockStore>();
        if (_lent is null && _like is null)
            return new RedisLockStore(new RedisConnection(RedisConnector.From(settings), context.TimeProvider, logger), settings, options);
        LockSettings said = Settings.Write(new LockConfig(), settings with { Db = null, CommandTimeout = null }).Connection ?? [];
        if (said.Count > 0)
            throw new LockConfigException(
                "connection", "the application lends its own connection: only db and commandTimeout can be set beside it.");
        if (_like is not null)
        {
            RedisConnector connector = RedisConnector.From(_like, settings.Db, settings.CommandTimeout);
            return new RedisLockStore(new RedisConnection(connector, context.TimeProvider, logger), settings, options);
        }

        if (settings.Replicas is > 0)
            throw new LockConfigException("lockOptions.replicas", RedisLockStore.NoReplicasOverLent);
        return new RedisLockStore(_lent!, settings, options, context);
    }
}
