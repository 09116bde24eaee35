namespace Locking;

/// <summary>The backend <c>inMemory</c>: locks of this process, for tests and programs that run once.</summary>
/// <remarks>All locks of the process with the same clock and <c>connection.name</c> exclude each other; <c>connection.isolated</c> gives a table
/// of one's own instead.</remarks>
public sealed class InMemoryLockProvider : IDirectLockProvider
{
    /// <inheritdoc/>
    public string Type => InMemoryLock.BackendType;

    /// <inheritdoc/>
    public ILock CreateLock(LockConfig config, LockProviderContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return new InMemoryLock(config?.LockOptions, config?.Namespace, context, Use(config, context.TimeProvider));
    }

    /// <inheritdoc/>
    public ILockStore CreateStore(LockConfig config, LockProviderContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return new InMemoryLockStore(Use(config, context.TimeProvider));
    }

    private static TableUse Use(LockConfig? config, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(config);
        var connection = config.Connection ?? new LockConnection();
        if (connection with { Name = null, Isolated = null } != new LockConnection())
        {
            throw new LockConfigException(
                "connection", $"The backend inMemory connects to nothing, but there is {connection}. Remove it, or choose another type.");
        }

        if (connection.Isolated != true)
            return TableUse.Shared(time, connection.Name ?? "");
        return connection.Name is null
            ? TableUse.Isolated(time)
            : throw new LockConfigException(
                "connection.isolated",
                $"true is a table of one's own, and connection.name says which one to share (\"{connection.Name}\"). Keep one of them.");
    }
}
