using Locking.Providers;

namespace Locking.Samples.FileStore;

/// <summary>Serves configurations such as <c>{"type":"file","connection":{"path":"/var/lib/myApp/locks"}}</c>.</summary>
public sealed class FileLockProvider : ILockProvider
{
    /// <inheritdoc/>
    public string Type => "file";

    /// <inheritdoc/>
    public ILockStore CreateStore(LockConfig config, LockProviderContext context)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(context);
        if (config.Connection?.Path is not { Length: > 0 } directory)
            throw new LockConfigException("connection.path", "The file backend needs the directory of its locks, such as \"/var/lib/myApp/locks\".");
        return new FileLockStore(directory, config.Connection.CommandTimeout, context.TimeProvider);
    }
}
