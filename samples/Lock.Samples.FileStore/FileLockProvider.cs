using Locking.Providers;

namespace Locking.Samples.FileStore;

/// <summary>Serves configurations such as <c>{"type":"file","connection":{"directory":"/var/lib/myApp/locks"}}</c>.</summary>
public sealed class FileLockProvider : LockProvider<FileLockSettings>
{
    /// <inheritdoc/>
    public override string Type => "file";

    /// <inheritdoc/>
    public override SettingsTable<FileLockSettings> Settings => FileLockSettings.Table;

    /// <inheritdoc/>
    protected override ILockStore CreateStoreCore(FileLockSettings settings, LockOptions options, LockProviderContext context)
    {
        if (settings.Directory is not { } directory)
            throw new LockConfigException("connection.directory",
                "The file backend needs the directory of its locks, such as \"/var/lib/myApp/locks\".");
        return new FileLockStore(directory, settings.CommandTimeout, context.TimeProvider);
    }
}
