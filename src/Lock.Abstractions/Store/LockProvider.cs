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
        return CreateStore(Settings.Read(config), config.LockOptions ?? new LockOptions(), context);
    }

    /// <summary>Makes a store of settings. Does not connect yet: the first request does.</summary>
    /// <param name="settings">The backend's settings.</param>
    /// <param name="options">How locks are taken unless a call says otherwise; a store seldom needs them.</param>
    /// <param name="context">Clock and logs.</param>
    /// <exception cref="LockConfigException">A setting does not suit this backend; the message names it, its value and what is allowed.</exception>
    public abstract ILockStore CreateStore(TSettings settings, LockOptions options, LockProviderContext context);
}
