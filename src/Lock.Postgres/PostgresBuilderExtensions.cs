using Npgsql;

namespace Locking;

/// <summary>The backend <c>postgres</c> for a <see cref="LockBuilder"/>.</summary>
public static class PostgresBuilderExtensions
{
    /// <summary>Takes locks from PostgreSQL, over connections of their own.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="configure">Sets what differs from the defaults.</param>
    /// <exception cref="LockConfigException">A value is out of range, or two do not go together.</exception>
    public static LockBuilder UsePostgres(this LockBuilder builder, Action<PostgresLockSettings>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.Use(new PostgresLockProvider(), configure);
    }

    /// <summary>Takes locks from PostgreSQL, over connections that the application has; they stay the application's to dispose.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="dataSource">Where connections come from.</param>
    /// <param name="configure">Sets what differs from the defaults; nothing that says how to connect.</param>
    /// <exception cref="LockConfigException">A value is out of range, or says how to connect.</exception>
    public static LockBuilder UsePostgres(this LockBuilder builder, NpgsqlDataSource dataSource,
        Action<PostgresLockSettings>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.Use(new PostgresLockProvider(dataSource), configure);
    }
}
