namespace Locking;

/// <summary>The backend <c>inMemory</c>: locks of one <see cref="ILock"/>, for tests and single processes.</summary>
public sealed class InMemoryLockProvider : IDirectLockProvider
{
    /// <inheritdoc/>
    public string Type => InMemoryLock.BackendType;

    /// <inheritdoc/>
    public ILock CreateLock(LockConfig config, LockProviderContext context)
    {
        Check(config);
        return new InMemoryLock(config.LockOptions, config.Namespace, context);
    }

    /// <inheritdoc/>
    public ILockStore CreateStore(LockConfig config, LockProviderContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        Check(config);
        return new InMemoryLockStore(context.TimeProvider);
    }

    private static void Check(LockConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        if (config.Connection is { } connection && connection != new LockConnection())
        {
            throw new LockConfigException(
                "connection", $"The backend inMemory connects to nothing, but there is {connection}. Remove it, or choose another type.");
        }
    }
}
