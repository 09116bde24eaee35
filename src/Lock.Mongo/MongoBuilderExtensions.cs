using MongoDB.Driver;

namespace Locking;

/// <summary>The backend <c>mongo</c> for a <see cref="LockBuilder"/>.</summary>
public static class MongoBuilderExtensions
{
    /// <summary>Takes locks from MongoDB, over a client of their own.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="configure">Sets what differs from the defaults.</param>
    /// <exception cref="LockConfigException">A value is out of range, or two do not go together.</exception>
    public static LockBuilder UseMongo(this LockBuilder builder, Action<MongoLockSettings>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.Use(new MongoLockProvider(), configure);
    }

    /// <summary>Takes locks from MongoDB, over a client that the application has; it stays the application's to dispose.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="client">The client.</param>
    /// <param name="configure">Sets what differs from the defaults; nothing that says how to connect.</param>
    /// <exception cref="LockConfigException">A value is out of range, or says how to connect.</exception>
    public static LockBuilder UseMongo(this LockBuilder builder, IMongoClient client, Action<MongoLockSettings>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.Use(new MongoLockProvider(client), configure);
    }

    /// <summary>Takes locks from MongoDB, kept in a database of a client that the application has.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="database">The database.</param>
    /// <param name="configure">Sets what differs from the defaults; nothing that says how to connect.</param>
    /// <exception cref="LockConfigException">A value is out of range, or says how to connect.</exception>
    public static LockBuilder UseMongo(this LockBuilder builder, IMongoDatabase database, Action<MongoLockSettings>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.Use(new MongoLockProvider(database), configure);
    }
}
