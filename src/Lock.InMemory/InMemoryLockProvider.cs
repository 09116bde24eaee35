namespace Locking;

/// <summary>The backend <c>inMemory</c>: locks of this process, for tests and programs that run once.</summary>
/// <remarks>All locks of the process with the same clock and <c>connection.name</c> exclude each other; <c>connection.isolated</c> gives a
/// table of one's own instead.</remarks>
public sealed class InMemoryLockProvider : LockProvider<InMemoryLockSettings>, IDirectLockProvider
{
    /// <inheritdoc/>
    public override string Type => InMemoryLock.BackendType;

    /// <inheritdoc/>
    public override SettingsTable<InMemoryLockSettings> Settings => InMemoryLockSettings.Table;

    /// <inheritdoc/>
    public ILock CreateLock(LockConfig config, LockProviderContext context)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(context);
        return new InMemoryLock(config.LockOptions, config.Namespace, context, Use(Settings.Read(config), context.TimeProvider));
    }

    /// <inheritdoc/>
    protected override ILockStore CreateStoreCore(InMemoryLockSettings settings, LockOptions options, LockProviderContext context)
    {
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(context);
        return new InMemoryLockStore(Use(settings, context.TimeProvider));
    }

    private static TableUse Use(InMemoryLockSettings settings, TimeProvider time)
    {
        if (settings.Isolated != true)
            return TableUse.Shared(time, settings.Name ?? "");
        return settings.Name is null
            ? TableUse.Isolated(time)
            : throw new LockConfigException(
                "connection.isolated",
                $"true is a table of one's own, and connection.name says which one to share (\"{settings.Name}\"). Keep one of them.");
    }
}
