namespace Locking.Providers;

/// <summary>A provider whose settings are one record, read by its table: what most providers derive from.</summary>
/// <typeparam name="TSettings">The record.</typeparam>
public abstract class LockProvider<TSettings> : ILockProvider
    where TSettings : class, new()
{
    /// <inheritdoc/>
    public abstract string Type { get; }

    /// <summary>The settings of this backend.</summary>
    public abstract SettingsTable<TSettings> Settings { get; }

    ISettingsTable ILockProvider.Settings => Settings;

    /// <inheritdoc/>
    public ILockStore CreateStore(LockConfig config, LockProviderContext context)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(context);
        return CreateStoreCore(Settings.Read(config), config.LockOptions ?? new LockOptions(), context);
    }

    /// <summary>Makes a store of settings. Does not connect yet: the first request does.</summary>
    /// <param name="settings">The backend's settings.</param>
    /// <param name="options">How locks are taken unless a call says otherwise; null: all defaults.</param>
    /// <param name="context">Clock and logs; null: the system's clock and no logs.</param>
    /// <exception cref="LockConfigException">A setting is out of range or does not suit another; the message names it and what is
    /// allowed.</exception>
    public ILockStore CreateStore(TSettings settings, LockOptions? options = null, LockProviderContext? context = null)
    {
        ArgumentNullException.ThrowIfNull(settings);
        Settings.Check(settings);
        return CreateStoreCore(settings, options ?? new LockOptions(), context ?? LockProviderContext.Default);
    }

    /// <summary>Makes a store of settings that are in range.</summary>
    /// <param name="settings">The backend's settings.</param>
    /// <param name="options">How locks are taken unless a call says otherwise; a store seldom needs them.</param>
    /// <param name="context">Clock and logs.</param>
    /// <exception cref="LockConfigException">Settings do not suit each other; the message names one, its value and what is
    /// allowed.</exception>
    protected abstract ILockStore CreateStoreCore(TSettings settings, LockOptions options, LockProviderContext context);
}
