using StackExchange.Redis;

namespace Locking;

/// <summary>The backend <c>redis</c> for a <see cref="LockBuilder"/>.</summary>
public static class RedisBuilderExtensions
{
    /// <summary>Takes locks from Redis, over a connection of their own.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="configure">Sets what differs from the defaults.</param>
    /// <exception cref="LockConfigException">A value is out of range, or two do not go together.</exception>
    public static LockBuilder UseRedis(this LockBuilder builder, Action<RedisLockSettings>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.Use(new RedisLockProvider(), configure);
    }

    /// <summary>Takes locks from Redis, over a connection that the application has; it is never disposed here.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="connection">The application's connection. Of how to reach the server only <c>db</c> and <c>commandTimeout</c> may be
    /// set.</param>
    /// <param name="configure">Sets what differs from the defaults.</param>
    /// <exception cref="LockConfigException">A value is out of range, or says how to connect.</exception>
    public static LockBuilder UseRedis(
        this LockBuilder builder, IConnectionMultiplexer connection, Action<RedisLockSettings>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.Use(new RedisLockProvider(connection), configure);
    }

    /// <summary>Takes locks from Redis, over a connection of their own that is made like the application's.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="options">What the application makes its own client of; copied. Of how to reach the server only <c>db</c> and
    /// <c>commandTimeout</c> may be set.</param>
    /// <param name="configure">Sets what differs from the defaults.</param>
    /// <exception cref="LockConfigException">A value is out of range, or says how to connect.</exception>
    public static LockBuilder UseRedis(this LockBuilder builder, ConfigurationOptions options, Action<RedisLockSettings>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.Use(new RedisLockProvider(options), configure);
    }
}
